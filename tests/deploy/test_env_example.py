"""`env.example` names every setting, shows its default, and is understood by the settings themselves."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from worker.settings import PREFIX, Settings, load

SECRETS = ("API_TOKEN", "ACCESS_TOKEN")


@pytest.fixture
def example(deploy: Path) -> str:
    return (deploy / "env.example").read_text(encoding="utf-8")


@pytest.fixture
def dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that ENV_FILE names, with no other setting in the environment."""
    for name in os.environ:
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)
    named = tmp_path / "settings"
    named.touch(0o600)
    monkeypatch.setenv(f"{PREFIX}ENV_FILE", str(named))
    return named


def in_force(example: str) -> str:
    """The example with the # taken off its settings; prose has a space after it."""
    return re.sub(r"^#(?=[^ #\n])", "", example, flags=re.MULTILINE)


def filled_in(example: str, folder: Path) -> str:
    # A file names no other.
    text = re.sub(rf"^{PREFIX}ENV_FILE=.*$", "", in_force(example), flags=re.MULTILINE)
    for name in SECRETS:
        text = text.replace(f"{PREFIX}{name}=\n", f"{PREFIX}{name}=dummy-{name}\n")
    return re.sub(rf"^({PREFIX}SECRETS_DIR)=.*$", rf"\1={folder}", text, flags=re.MULTILINE)


def test_every_setting_stands_in_the_example_once_and_nothing_else(example: str) -> None:
    named = Counter(re.findall(rf"^#?({PREFIX}\w*)=", example, flags=re.MULTILINE))
    assert named == Counter(PREFIX + name.upper() for name in Settings.model_fields)


def test_nothing_is_set_by_a_bare_copy(example: str, dotenv: Path) -> None:
    defaults = load()
    dotenv.write_text(example, encoding="utf-8")
    assert load() == defaults


def test_with_every_line_in_force_the_values_are_the_defaults(example: str, dotenv: Path) -> None:
    dotenv.write_text(filled_in(example, dotenv.parent), encoding="utf-8")
    settings = load()
    shown = {name: getattr(settings, name) for name in Settings.model_fields}
    expected = {
        name: field.default
        for name, field in Settings.model_fields.items()
        if field.default is not PydanticUndefined and field.default is not None
    }
    assert {name: shown[name] for name in expected} == expected


def test_a_setting_without_default_says_so_and_its_example_is_accepted(example: str, dotenv: Path) -> None:
    dotenv.write_text(filled_in(example, dotenv.parent), encoding="utf-8")
    settings = load()
    for name, field in Settings.model_fields.items():
        if field.default is None:
            above = example.split(f"#{PREFIX}{name.upper()}=", maxsplit=1)[0].rsplit("\n\n", 1)[-1]
            assert "No default" in above, name
            assert getattr(settings, name) is not None, name


def test_secrets_are_left_empty_under_a_warning(example: str) -> None:
    for name in SECRETS:
        before, _, after = example.partition(f"#{PREFIX}{name}=")
        assert after.startswith("\n"), name
        assert "WARNING" in before, name
