"""The settings that say for which API and which organizations a worker is."""

import pytest

from tests.api.clients import settings_for
from worker.core.errors import BadSettingError
from worker.core.scope import Scope
from worker.settings import PREFIX, load

ORG = "6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://API.Example/", "https://api.example"),
        ("https://api.example:443", "https://api.example"),
        ("HTTPS://api.example:8443", "https://api.example:8443"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_one_api_has_one_name_however_it_is_written(given: str, taken: str) -> None:
    assert settings_for(given).api_url == taken


@pytest.mark.parametrize(
    "given",
    [
        "https://api.example:x",
        "https://api.example:0",
        "https://api.example:-1",
        "https://api.example:99999",
        "https://:443",
        "https://",
        "api.example",
        "ftp://api.example",
        "https://api.example\r",
        "https://api.example\n",
        " https://api.example",
        "https://api .example",
        "https://api.exa\tmple",
        "https://api.exa\u200bmple",
        "https://hunter2@api.example",
        "https://me:hunter2@api.example",
        "https://api.example/hunter2",
        "https://api.example?hunter2",
        "https://api.example#hunter2",
        "https://[::1",
        "https://api.example\\hunter2",
        "https://api,example",
        '"https://api.example"',
    ],
)
def test_what_is_no_host_is_refused_by_name_in_one_line_and_not_quoted(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}API_URL", given)
    with pytest.raises(BadSettingError, match=rf"^{PREFIX}API_URL: ") as caught:
        load()
    assert "hunter2" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_list_of_organizations_is_read_and_letter_case_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULK_ACTIVATE_ORGS", f" {ORG.upper()} ,another-org")
    settings = load()
    assert settings.scope("J") == Scope(settings.api_url, frozenset({ORG, "another-org"}), "J")


@pytest.mark.parametrize("given", [",", f"{ORG},", "../../x", "short"])
def test_a_list_with_something_else_in_it_is_refused_and_never_means_any(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("BULK_ACTIVATE_ORGS", given)
    with pytest.raises(BadSettingError, match="BULK_ACTIVATE_ORGS"):
        load()
