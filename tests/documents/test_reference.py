"""The reference of the producers says what the code does: options, fields, columns, codes, settings."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from pydantic_core import PydanticUndefined

from tests.documents.markdown import Section, document, tables
from tests.documents.programs import command, command_names, options
from tests.e2e.stack import Stack, cli
from tests.servers import RealServer
from worker.core import errors
from worker.core.duration import parse_duration
from worker.core.job import JobOutcome, ReasonCode, State
from worker.core.outcome import COUNTED, UNSUCCESSFUL
from worker.core.reporting.rows import COLUMNS, Row
from worker.core.reporting.schema import REQUESTS, SECONDS, Report
from worker.doctor.check import Check
from worker.reports import folder
from worker.settings import Settings

REFERENCE = document("producers/README.md")


def rows(section: Section, heading: str) -> list[list[str]]:
    """The rows of the table of a section whose first column has this heading."""
    (found,) = [table for table in tables(section.text) if table[0][0] == heading]
    return found[1:]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def json_blocks() -> list[Any]:
    return [json.loads(fence.text) for fence in REFERENCE.fences() if fence.language == "json"]


def block_with(field: str) -> Any:
    (found,) = [block for block in json_blocks() if field in block]
    return found


def documented(name: str) -> dict[str, str]:
    """The options of a command with the cell that explains each."""
    section = REFERENCE.section(name)
    cells = [row for table in tables(section.text) for row in table[1:]]
    if "reading options" in section.text:
        cells += rows(REFERENCE.section("Lists"), "reading option")
    if "job options" in section.text:
        cells += rows(REFERENCE.section("Commands"), "job option of `run`, `submit` and `retry`")
    if "takes `--local`" in section.text:
        cells += rows(REFERENCE.section("Commands"), "option for the jobs of `run`")
    return {
        option: " | ".join(row)
        for row in cells
        for text in (span for cell in row for span in code(cell) if span.startswith("-"))
        for option in text.split()[0].split("/")
        if not (option == "--help" or (option == "-o" and not text.startswith("-o ")))
    }


@pytest.mark.parametrize("name", command_names())
def test_every_option_of_a_command_is_explained_and_no_other(name: str) -> None:
    names = {opt for option in options(command(name)) for opt in (*option.opts, *option.secondary_opts)}
    assert set(documented(name)) == names - {"--help", "-h"}


@pytest.mark.parametrize("name", command_names())
def test_choices_and_defaults_are_those_of_the_code(name: str) -> None:
    cells = documented(name)
    for option in options(command(name)):
        cell = cells[option.opts[0]]
        if isinstance(option.type, click.Choice) and "\\|" in cell:
            assert "\\|".join(option.type.choices) in cell, option.opts
        for value in _defaults(option):
            assert f"`{value}`" in cell, option.opts


def _defaults(option: click.Option) -> Iterator[str]:
    """What the option has where it is not given, unless that is nothing."""
    given = option.to_info_dict()["default"]
    if option.is_flag or callable(given):
        return
    for value in given if isinstance(given, list | tuple) else (given,):
        if value:
            yield _written(value)


def test_every_command_has_its_section() -> None:
    headings = {section.heading for section in REFERENCE.sections()}
    assert set(command_names()) <= headings


def test_the_report_has_these_fields_and_no_other() -> None:
    shown = block_with("rate")
    report = msgspec.convert(shown, Report)
    assert msgspec.to_builtins(report) == shown
    assert set(shown["counts"]) == {"total", *COUNTED}
    assert set(shown["requests"]) == {*REQUESTS, "by_status", "request_ids"}
    assert set(shown["progress"]["seconds"]) == {"active", *SECONDS}


def test_a_plan_has_these_fields_and_no_other(tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("an id\n6f1c7d2e-0b3a-4d7c-8e9f-1a2b3c4d5e6f\n")
    printed, shown = cli("plan", str(ids), "-o", "json").json(), block_with("plan")
    assert list(shown) == list(printed)
    for name in ("manifest", "seconds"):
        assert list(shown[name]) == list(printed[name])
    assert list(shown["malformed_lines"][0]) == list(printed["malformed_lines"][0])


def test_rows_checks_and_manifests_have_these_fields_and_no_other() -> None:
    assert msgspec.to_builtins(msgspec.convert(block_with("line"), Row)) == block_with("line")
    checks = block_with("checks")
    assert msgspec.to_builtins(msgspec.convert(checks["checks"], list[Check])) == checks["checks"]
    source = inspect.getsource(folder.write_folder)
    written = source.split("manifest = {", 1)[1].split("\n    }\n", 1)[0]
    assert list(block_with("verdict")) == re.findall(r'^ {8}"(\w+)":', written, re.MULTILINE)


def test_the_csv_has_these_columns_and_no_other() -> None:
    (shown,) = [fence.text for fence in REFERENCE.fences() if fence.language == "csv"]
    assert shown.splitlines()[0] == ",".join(COLUMNS)
    assert [code(row[0])[0] for row in rows(REFERENCE.section("CSV"), "column")] == list(COLUMNS)


def test_every_state_outcome_and_code_of_a_reason_is_explained() -> None:
    text = REFERENCE.section("JSON").text
    for name in (*State, *JobOutcome, *ReasonCode):
        assert f"`{name}`" in text, name
    assert all(f"`{name}`" in REFERENCE.text for name in UNSUCCESSFUL)


def test_every_reason_that_an_answer_can_give_is_explained() -> None:
    answers = document("worker/api/README.md").section("What each answer means")
    reasons = {
        name for row in rows(answers, "what came back") for name in re.findall(r"[A-Z][A-Z_]{4,}", row[2])
    }
    assert reasons >= {"TIMED_OUT", "NOT_THE_API"}
    explained = {name for row in rows(REFERENCE.section("Reasons"), "reason") for name in code(row[0])}
    assert {name for name in reasons if not name.startswith("HTTP_")} <= explained


def test_every_exit_code_is_explained_and_no_other() -> None:
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if hasattr(kind, "exit_code")]
    of_errors = {kind.exit_code for kind in classes}
    codes = [int(row[0]) for row in rows(REFERENCE.section("Exit codes"), "code")]
    assert codes == sorted({0, 3, 4, 124, 130, *of_errors})


def test_every_setting_stands_with_its_default() -> None:
    shown = {code(name)[0]: default for name, default, _ in rows(REFERENCE.section("Settings"), "setting")}
    assert set(shown) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        cell = shown[name.upper()]
        if field.default is None:
            assert cell == "none", name
        elif field.default is not PydanticUndefined and name != "already_active":
            value = code(cell)[0]
            if re.fullmatch(r"\d+[smhd]", value):
                assert parse_duration(value) == field.default, name
            else:
                assert value == _written(field.default), name


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_an_entry_of_the_list_of_jobs_has_these_fields_and_no_other(
    valkey: RealServer, tmp_path: Path
) -> None:
    with Stack(tmp_path, valkey.server.url) as stack:
        job_id = stack.submit(["6f1c7d2e-0b3a-4d7c-8e9f-1a2b3c4d5e6f"])
        (printed,) = [job for job in stack.cli("list", "-o", "json").json() if job["job_id"] == job_id]
    smallest = min((block for block in json_blocks() if {"job_id", "counts"} <= set(block)), key=len)
    assert list(smallest) == list(printed)
