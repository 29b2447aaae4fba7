"""Every command in a document is one that its program takes."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Final

import click
import pytest

from tests.documents.markdown import ROOT, Document, Piece, documents
from tests.documents.programs import command_names, module_takes, takes
from worker.settings import Settings

OTHERS: Final = {
    *("celery", "docker", "eval", "export", "install", "kubectl", "redis-cli", "sed", "stat", "systemctl"),
    *("nginx", "apt-get", "bash", "cd", "cp", "git", "openssl", "ruff", "mypy", "lint-imports"),
}
"""Programs of others. What the runbook has them do is held by `tests/deploy/test_runbook.py`."""
ENDS: Final = {"&&", "||", "|", ";", "<", ">", ">>", "(", ")"}


def typed(page: Document) -> Iterator[Piece]:
    """The lines that are to be typed: those of shell blocks, and indented ones that begin with a program."""
    for fence in page.fences():
        for offset, line in enumerate(fence.text.splitlines()):
            where = Piece(fence.line + offset, line)
            if fence.language in {"sh", "bash"} or (
                fence.language == "" and _first_word(line) in _programs()
            ):
                yield where


def _programs() -> set[str]:
    return OTHERS | {"bulk-activate", "python", "pytest", "pip", ".ci/run"}


def _first_word(text: str) -> str:
    words = [word for word in text.split() if "=" not in word.split("/")[0]]
    return re.sub(r"^.*/bin/", "", words[0]) if words else ""


def parts(line: str) -> Iterator[list[str]]:
    """The commands of a line as words, without remarks, redirections and variables set in front."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;<>()")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in ENDS:
            words.append(word)
            continue
        while words and re.match(r"\w+=", words[0]):
            del words[0]
        if words:
            yield words
        words = []
        if word in {"<", ">", ">>"}:
            words = ["stat"]


def wrong(words: list[str], config: pytest.Config, *, is_mention: bool = False) -> str:
    """What is wrong with a command; '' if nothing is."""
    program, *rest = words
    try:
        match re.sub(r"^.*/bin/", "", program):
            case "bulk-activate":
                return _ours(rest, is_mention=is_mention)
            case "python" | "python3":
                return _python([word for word in rest if word != "-P"])
            case "pytest":
                return _pytest(rest, config)
            case "pip":
                return _pip(rest)
            case ".":
                return ""
            case name:
                return "" if name in OTHERS or (ROOT / name).is_file() else f"unknown program {name}"
    except click.UsageError as error:
        return error.format_message()


def _ours(arguments: list[str], *, is_mention: bool) -> str:
    if not arguments or arguments[0] in {"--help", "-h", "--version", "COMMAND"}:
        return ""
    if arguments[0] not in command_names():
        return f"no command {arguments[0]}"
    takes(arguments[0], arguments[1:], is_mention=is_mention)
    return ""


def _python(arguments: list[str]) -> str:
    if arguments[:2] == ["-m", "venv"] or not arguments:
        return ""
    if arguments[0] == "-m":
        return module_takes(arguments[1], arguments[2:]) if len(arguments) > 1 else ""
    return "" if (ROOT / arguments[0]).is_file() else f"no file {arguments[0]}"


def _pytest(arguments: list[str], config: pytest.Config) -> str:
    for argument in arguments:
        if argument.startswith("-"):
            name = argument.partition("=")[0] if argument.startswith("--") else argument[:2]
            if name not in {"-n", "-q", "-k", "-x"} and config.getoption(name, "no such") == "no such":
                return f"pytest takes no {name}"
        elif "/" in argument and not (ROOT / argument.partition("::")[0]).exists():
            return f"no test {argument}"
    return ""


def _pip(arguments: list[str]) -> str:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for argument in arguments:
        if argument.endswith(".txt") and not (ROOT / argument).is_file():
            return f"no file {argument}"
        if named := re.fullmatch(r"\.\[(.*)\]", argument):
            unknown = set(named[1].split(",")) - set(extras["optional-dependencies"])
            if unknown:
                return f"no extras {unknown}"
    return ""


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.name)
def test_every_line_to_be_typed_is_taken(page: Document, request: pytest.FixtureRequest) -> None:
    for line, text in typed(page):
        for words in parts(text):
            assert not (why := wrong(words, request.config)), f"{page.name}:{line}: {text}: {why}"


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.name)
def test_every_command_in_running_text_is_taken(page: Document, request: pytest.FixtureRequest) -> None:
    for line, text in page.spans():
        first = _first_word(text)
        if first in command_names() and re.search(r"\s(?:-|[A-Z])", text):
            text = f"bulk-activate {text}"  # noqa: PLW2901 -- said without its program.
        elif first not in {"bulk-activate", "python", "pytest", "pip"} or " " not in text.strip():
            continue
        words = next(parts(text.replace("[", " ").replace("]", " ") if "pip" not in text else text))
        why = wrong(words, request.config, is_mention=True)
        assert not why, f"{page.name}:{line}: {text}: {why}"


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.name)
def test_every_setting_with_our_prefix_is_one(page: Document) -> None:
    known = {name.upper() for name in Settings.model_fields}
    for name in re.findall(r"BULK_ACTIVATE_([A-Z][A-Z_]*)", page.text.replace("_BULK_ACTIVATE_COMPLETE", "")):
        assert name in known, f"{page.name}: {name}"


@pytest.mark.parametrize(
    "line",
    [
        "bulk-activate status JOB --no-such-option",
        "bulk-activate nothing",
        "python -m tests.benchmarks.nothing",
        "python -m tests.benchmarks.pacing --nothing",
        "python -m worker doctor --nothing",
        "pytest tests/nothing",
        "pytest --nothing",
        "pip install -r deploy/requirements/nothing.txt",
        "pip install -e '.[nothing]'",
        "nothing --at-all",
    ],
)
def test_a_command_that_is_gone_would_be_found(line: str, request: pytest.FixtureRequest) -> None:
    assert wrong(next(parts(line)), request.config)
