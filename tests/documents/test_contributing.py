"""What .github/CONTRIBUTING.md tells a newcomer to do, to change and to write like is there."""

import re
import shutil
import subprocess
from typing import Final

import pytest

from producers.display.live_view import _COLOURS
from tests.documents.markdown import ROOT, document, quoted, rows
from worker.core.outcome import CODES, COUNTED, FINAL, SUCCEEDED, UNSUCCESSFUL, Outcome
from worker.engine.commit_buffer import _OF_THE_API
from worker.reports.html.sections import MEANINGS

PAGE: Final = document(".github/CONTRIBUTING.md")
SCRIPTS: Final = ROOT / "worker/store/scripts"
COMMIT: Final = (SCRIPTS / "job/commit.lua").read_text()
ENDING: Final = (SCRIPTS / "lib/ending.lua").read_text()

IT_FAILED: Final = UNSUCCESSFUL - {Outcome.NOT_ATTEMPTED}
"""What counts against the limits of a job, and is grouped by reason: ids that were sent."""


def shell_lines(heading: str) -> list[str]:
    return [
        line
        for fence in PAGE.fences()
        if fence.language == "sh" and fence.text in PAGE.section(heading).text
        for line in fence.text.splitlines()
    ]


def test_the_set_up_is_that_of_the_tests() -> None:
    (whole,) = (fence.text for fence in document("tests/README.md").fences() if "venv" in fence.text)
    assert whole.startswith(shell_lines("Set-up")[0])


def test_ci_runs_every_check_that_is_named() -> None:
    script = (ROOT / ".ci/run").read_text()
    for command in " && ".join(shell_lines("Checks")).split(" && "):
        program = " ".join(command.split()[: 1 if "pytest" in command else None])
        assert program in script, command


def counters(lua: str) -> set[str]:
    return set(re.findall(r"job_number\('n_(\w+)'\)", lua))


def test_lua_knows_which_outcomes_are_final_and_which_are_failures() -> None:
    """The places of the recipe 'Add an outcome' that no other test would miss."""
    (final,) = re.findall(r"^local FINAL = \{(.*)\}$", COMMIT, re.MULTILINE)
    assert set(re.findall(r"(\w) = true", final)) == {CODES[outcome] for outcome in FINAL}
    (tallied,) = re.findall(r"if (code == '.'(?: or code == '.')*) then", COMMIT)
    assert set(re.findall(r"'(.)'", tallied)) == {CODES[outcome] for outcome in IT_FAILED}
    (failed,) = re.findall(r"^  local failed = (.*)$", ENDING, re.MULTILINE)
    assert counters(failed) == IT_FAILED
    (settled,) = re.findall(r"^    local settled = failed \+ (.*)$", ENDING, re.MULTILINE)
    assert counters(settled) == SUCCEEDED


def test_what_the_api_itself_said_is_the_same_in_lua_and_python() -> None:
    (accepted,) = re.findall(r"local function accepted\(\)\n(.*)\nend", COMMIT)
    assert {CODES[Outcome(name)] for name in counters(accepted)} == _OF_THE_API


def test_every_outcome_has_words_and_a_colour() -> None:
    css = (ROOT / "worker/reports/html/page.css").read_text()
    verdict = (ROOT / "worker/reports/verdict.py").read_text()
    assert set(MEANINGS) == set(COUNTED)
    assert {outcome for outcome, _ in _COLOURS} == set(COUNTED) - {Outcome.PENDING}
    assert all(f".{outcome}" in css for outcome in COUNTED)
    assert all(f"Outcome.{outcome.name}" in verdict for outcome in UNSUCCESSFUL)


(REPLACED,) = (fence.text for fence in PAGE.fences() if fence.language == "diff")


@pytest.mark.parametrize(
    ("commit", "was", "now"), re.findall(r"^commit (\w+)\n-(.*)\n\+(.*)$", REPLACED, re.MULTILINE)
)
def test_a_line_that_was_replaced_stood_in_the_commit_that_is_named(commit: str, was: str, now: str) -> None:
    git = str(shutil.which("git"))
    shown = subprocess.run([git, "show", commit], cwd=ROOT, capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        pytest.skip(f"commit {commit} is not in this clone")
    for sign, words in (("-", was), ("+", now)):
        assert re.search(rf"^{re.escape(sign)}.*{re.escape(words)}", shown.stdout, re.MULTILINE), words


@pytest.mark.parametrize(("where", "words"), rows(PAGE.section("Style").text))
def test_a_line_that_is_shown_stands_in_the_file_that_is_named(where: str, words: str) -> None:
    (name,) = quoted(where)
    (line,) = quoted(words)
    text = " ".join((ROOT / name).read_text().replace("`", "").split())
    assert line in text
