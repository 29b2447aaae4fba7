"""API_TOKEN and ACCESS_TOKEN from the environment and from files, with text around them."""

from pathlib import Path

import pytest

from worker.core.errors import BadSettingError
from worker.settings import PREFIX, load

TOKEN = "AbCdEfGh-0123456789_AbCdEfGh-0123456789_AbCdEfGh-0123456789_AbCd"
VARIABLES = ["API_TOKEN", "ACCESS_TOKEN"]


def taken(variable: str) -> str:
    token = getattr(load(), variable.lower())
    return str(token.get_secret_value())


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("around", ["{}\r\n", " {}\t", '"{}"', "'{}'\n", "\ufeff{}"])
def test_what_stands_around_a_token_is_taken_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, around: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}{variable}", around.format(TOKEN))
    assert taken(variable) == TOKEN
    monkeypatch.delenv(f"{PREFIX}{variable}")
    (tmp_path / f"{PREFIX}{variable}".lower()).write_text(around.format(TOKEN), "utf-8")
    monkeypatch.setenv(f"{PREFIX}SECRETS_DIR", str(tmp_path))
    assert taken(variable) == TOKEN


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("bad", ["{} {}", "{}\n{}", "Bearer {}", "{}\u200b", "\u201c{}\u201d", "{}\x01", " "])
def test_a_token_that_cannot_be_sent_is_named_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, variable: str, bad: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}{variable}", bad.format(TOKEN, TOKEN))
    with pytest.raises(BadSettingError, match=rf"^{PREFIX}{variable}: ") as caught:
        load()
    assert TOKEN[:8] not in str(caught.value)
    assert str(caught.value).isprintable()
