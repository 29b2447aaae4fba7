"""worker/core/rate/README.md names all of the learner's state, and a script all fields of the budget."""

import re
from typing import Final

from tests.documents.markdown import ROOT, document, quoted, rows
from worker.core.rate import learning
from worker.core.rate.learned import Learned

PAGE: Final = document("worker/core/rate/README.md")
SCRIPTS: Final = ROOT / "worker/store/scripts"


def test_the_fields_are_those_of_the_state() -> None:
    shown = [name for cells in rows(PAGE.section("The state").text) for name in quoted(cells[0])]
    assert sorted(shown) == sorted(Learned.__struct_fields__)


def test_the_functions_are_those_of_the_learner() -> None:
    _, _, named = PAGE.text.partition("five pure functions")
    assert set(learning.__all__) <= set(quoted(named.partition("Clocks")[0]))


def test_every_field_of_the_budget_is_in_its_list() -> None:
    head, _, _ = (SCRIPTS / "lib/budget.lua").read_text().partition("\nlocal ")
    lua = "\n".join(path.read_text() for path in SCRIPTS.rglob("*.lua"))
    # `handed_` begins the names of evidence that was handed out.
    used = set(re.findall(r"(?:set_budget|budget_number)\('(\w+)'", lua)) - {"handed_"}
    assert used
    assert used <= set(re.findall(r"\w+", head))
