"""The reference of the Python client says what the code has: calls, parameters, options, errors."""

import inspect
import re
from typing import get_type_hints

import producers
from producers import BulkActivateError, Client, Job
from producers.keywords import ReadingOptions
from tests.documents.markdown import document, tables
from tests.producers.client.test_import import public

SECTION = document("producers/README.md").section("Python")
CALLS = re.compile(r"`(Client|Job)\.(\w+)\(([^)]*)\)`")


def calls() -> dict[str, list[str]]:
    """The parameters of each call, `...` for the reading options."""
    (table,) = [table for table in tables(SECTION.text) if table[0][0] == "call"]
    return {
        f"{kind}.{name}": [each for each in names.split(", ") if each]
        for row in table[1:]
        for kind, name, names in CALLS.findall(row[0])
    }


def parameters(function: object) -> list[str]:
    assert callable(function)
    found = list(inspect.signature(function).parameters.values())[1:]
    return ["..." if each.kind is each.VAR_KEYWORD else each.name for each in found]


def test_every_call_stands_with_its_parameters_and_no_other() -> None:
    # `over` and `where` are for commands, the steps of a wait for loops of their own.
    hidden = {"Client.over", "Client.where", "Job.begin_wait", "Job.next_step", "Job.id"}
    there = {
        f"{kind.__name__}.{name}": getattr(kind, name) for kind in (Client, Job) for name in public(kind)
    }
    assert calls() == {name: parameters(function) for name, function in there.items() if name not in hidden}


def test_every_reading_option_is_named() -> None:
    assert all(f"`{name}`" in SECTION.text for name in get_type_hints(ReadingOptions))


def test_every_error_stands_with_its_code_and_no_other() -> None:
    (table,) = [table for table in tables(SECTION.text) if table[0][0] == "error"]
    shown = {name: int(row[2]) for row in table[1:] for name in re.findall(r"`(\w+)`", row[0])}
    errors = {name: getattr(producers, name) for name in producers.__all__ if name.endswith("Error")}
    assert all(issubclass(error, BulkActivateError) for error in errors.values())
    assert shown == {name: error.exit_code for name, error in errors.items()}
