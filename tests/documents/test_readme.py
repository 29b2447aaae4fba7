"""README.md is for whoever is woken at night: short, and each thing where it is looked for."""

import re

import pytest

from tests.documents.markdown import ROOT, document, tables
from tests.documents.programs import command_names
from tests.e2e.stack import cli
from worker.core.outcome import Outcome
from worker.settings import Settings

README = document("README.md")


def shell_blocks(name: str) -> list[str]:
    return [fence.text.strip() for fence in document(name).fences() if fence.language == "sh"]


def test_the_first_block_is_the_whole_command_of_the_demo() -> None:
    (first,) = shell_blocks("README.md")
    assert first.endswith(".venv/bin/bulk-activate demo")
    assert "\n" not in first


def test_ci_runs_the_test_command_to_the_letter() -> None:
    (command,) = (block for block in shell_blocks("tests/README.md") if "pytest" in block)
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert command in script.replace("&& checks ", "")


def test_ci_installs_what_the_documents_tell_their_readers_to_install() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for name in ("README.md", "tests/README.md"):
        assert re.search(r"-r deploy/requirements/[a-z]+\.txt", document(name).text)
        assert name in script


def test_its_sections_stand_in_the_order_in_which_they_are_needed() -> None:
    assert [section.heading for section in README.sections()] == [
        "Bulk activation worker",
        "Try it",
        "One machine",
        "Something is wrong",
        "A team",
        "Exit codes",
        "What an id can become",
        "The rate",
        "Settings",
        "What is guaranteed",
        "What is not",
    ]


def test_each_symptom_has_a_command_and_a_place_to_read_on() -> None:
    (symptoms,) = tables(README.section("Something is wrong").text)
    assert len(symptoms[1:]) == 6
    for _, command, then in symptoms[1:]:
        assert command.startswith("`bulk-activate ")
        assert "](deploy/runbook.md#" in then or "](producers/README.md#" in then


def test_every_outcome_is_explained() -> None:
    section = README.section("What an id can become").text
    assert all(f"`{outcome}`" in section for outcome in Outcome)


def test_exit_codes_are_those_of_the_reference() -> None:
    (short,) = tables(README.section("Exit codes").text)
    (whole,) = tables(document("producers/README.md").section("Exit codes").text)
    assert [code for row in short[1:] for code in row[0].split(", ")] == [row[0] for row in whole[1:]]


def test_ten_settings_are_shown_as_the_reference_has_them() -> None:
    (short,) = tables(README.section("Settings").text)
    (whole,) = tables(document("producers/README.md").section("Settings").text)
    defaults = {name.strip("`"): default.strip("`") for name, default, _ in whole[1:]}
    shown = [name.strip("`") for row in short[1:] for name in row[0].split(", ")]
    assert len(shown) == 10
    assert {name.lower() for name in shown} <= set(Settings.model_fields)
    for row in short[1:]:
        names = row[0].replace("`", "").split(", ")
        values = row[1].replace("`", "").split(", ") * len(names)
        assert all(defaults[name] == value for name, value in zip(names, values, strict=False))


def test_what_is_guaranteed_and_what_is_not_are_told_at_equal_length() -> None:
    for heading in ("What is guaranteed", "What is not"):
        assert len(re.findall(r"^- ", README.section(heading).text, re.MULTILINE)) == 8


@pytest.mark.parametrize("command", [name for name in command_names() if name != "simulator"])
def test_every_command_helps_with_an_example(command: str) -> None:
    shown = cli(command, "--help")
    assert shown.code == 0
    assert "Example:" in shown.out
