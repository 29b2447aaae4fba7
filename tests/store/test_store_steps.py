"""The Lua files and the code that mirrors them say the same."""

import re
from importlib.resources import files

import pytest

from worker.core.errors import BulkActivateError
from worker.core.outcome import CODES
from worker.store import steps
from worker.store.steps import BudgetScript, Code, ExchangeScript, Script, read_reply

SHARED = {"prelude.lua", "budget.lua"}
"""What stands before the steps on a job, and before those on a budget."""

_SCRIPTS = files("worker.store").joinpath("scripts")


def _texts() -> dict[str, str]:
    return {item.name: item.read_text() for item in _SCRIPTS.iterdir() if item.name.endswith(".lua")}


def test_every_file_is_a_step_and_every_step_a_file() -> None:
    named = {f"{step}.lua" for step in (*Script, *BudgetScript, *ExchangeScript)} | SHARED
    assert set(_texts()) == named


def test_the_codes_that_scripts_return_are_those_that_are_known() -> None:
    texts = "".join(_texts().values())
    returned = set(re.findall(r"(?:return |or )\{'([A-Z_]+)'", texts)) | {"CLAIMED"}
    assert "\n  'CLAIMED'," in texts
    assert returned == set(Code)


def test_the_counters_of_the_scripts_are_the_outcomes_of_the_core() -> None:
    table = dict(re.findall(r"\['(.)'\] = 'n_(\w+)'", steps.source(Script.COMMIT)))
    assert table == {code: str(outcome) for outcome, code in CODES.items()}


def test_every_step_opens_with_its_contract() -> None:
    for name, text in _texts().items():
        assert text.startswith("-- "), name
        if name not in SHARED:
            assert "-- KEYS" in text, name
            assert "-- Returns" in text, name


@pytest.mark.parametrize("raw", [None, [], [b"NEVER"], [1], b"x"])
def test_an_answer_that_no_script_gives_is_an_error(raw: object) -> None:
    with pytest.raises(BulkActivateError, match="never should"):
        read_reply(raw)
