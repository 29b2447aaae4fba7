"""The Lua files and the code that mirrors them say the same."""

import re
from importlib.resources import files

import pytest

from worker.core.errors import BulkActivateError
from worker.core.outcome import CODES
from worker.store import script_calls
from worker.store.script_calls import BudgetScript, Code, ExchangeScript, Script, read_reply

FOLDERS = {"job": Script, "budget": BudgetScript, "exchange": ExchangeScript}

_SCRIPTS = files("worker.store").joinpath("scripts")


def _texts(*folders: str) -> dict[str, str]:
    found = (item for folder in folders for item in _SCRIPTS.joinpath(folder).iterdir())
    return {item.name: item.read_text() for item in found}


def test_every_file_is_a_script_and_every_script_a_file() -> None:
    for folder, scripts in FOLDERS.items():
        assert set(_texts(folder)) == {f"{script}.lua" for script in scripts}
    assert {item.name for item in _SCRIPTS.iterdir()} == {*FOLDERS, "lib"}


def test_the_scripts_return_exactly_the_known_codes() -> None:
    texts = "".join(_texts("job").values())
    returned = set(re.findall(r"(?:return |or )\{'([A-Z_]+)'", texts)) | {"CLAIMED"}
    assert "\n  'CLAIMED'," in texts
    assert returned == set(Code)


def test_the_counters_of_the_scripts_are_the_outcomes_of_the_core() -> None:
    table = dict(re.findall(r"\['(.)'\] = 'n_(\w+)'", script_calls.source(Script.COMMIT)))
    assert table == {code: str(outcome) for outcome, code in CODES.items()}


def test_every_script_opens_with_its_contract() -> None:
    for name, text in _texts(*FOLDERS, "lib").items():
        assert text.startswith("-- "), name
    for name, text in _texts(*FOLDERS).items():
        assert "-- KEYS" in text, name
        assert "-- Returns" in text, name


@pytest.mark.parametrize("raw", [None, [], [b"NEVER"], [1], b"x"])
def test_a_reply_that_no_script_returns_is_an_error(raw: object) -> None:
    with pytest.raises(BulkActivateError, match="never should"):
        read_reply(raw)
