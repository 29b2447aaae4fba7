"""Files with secrets that others may write or read are named; settings that are shown hold no secret."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.e2e.stack import ORG, cli
from worker.settings import SECRETS, Settings, load
from worker.settings.secret_files import exposed_secrets


def a_file(path: Path, mode: int, text: str = "x") -> Path:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        (0o600, None),
        (0o400, None),
        (0o640, None),
        (0o440, None),
        (0o644, "anybody may read it (mode 0644)"),
        (0o604, "anybody may read it (mode 0604)"),
        (0o620, "others may write it (mode 0620)"),
        (0o602, "others may write it (mode 0602)"),
    ],
)
@pytest.mark.parametrize("name", ["bulk_activate_api_token", "BULK_ACTIVATE_REDIS_URL"])
def test_a_file_of_secrets_dir(tmp_path: Path, mode: int, says: str | None, name: str) -> None:
    file = a_file(tmp_path / "s" / name, mode)
    a_file(tmp_path / "s" / "something_else", 0o666)
    found = exposed_secrets(Settings(secrets_dir=tmp_path / "s"))
    assert found == (
        [] if says is None else [f"{file} holds secrets, and {says}: make it yours alone (chown, chmod)"]
    )


def test_files_of_credentials_dir_behind_links_too(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir(mode=0o700)
    a_file(tmp_path / "c" / "..data" / ORG, 0o644)
    (tmp_path / "c" / ORG).symlink_to(f"..data/{ORG}")
    (tmp_path / "c" / "0f2c1d6e-0000-4000-8000-000000000009").symlink_to("gone")
    (found,) = exposed_secrets(Settings(credentials_dir=tmp_path / "c"))
    assert found.startswith(f"{tmp_path / 'c' / ORG} holds secrets, and anybody may read it")


@pytest.mark.parametrize(("mode", "told"), [(0o700, False), (0o755, False), (0o770, True), (0o1777, False)])
def test_a_folder_in_which_others_may_put_files(tmp_path: Path, mode: int, told: bool) -> None:
    a_file(tmp_path / "s" / "bulk_activate_api_token", 0o600)
    (tmp_path / "s").chmod(mode)
    found = exposed_secrets(Settings(secrets_dir=tmp_path / "s"))
    assert any(warning.startswith(f"{tmp_path / 's'} holds") for warning in found) is told


@pytest.mark.parametrize(
    ("text", "told"), [("BULK_ACTIVATE_RATE=5\n", False), ("bulk_activate_api_token=x\n", True)]
)
def test_an_env_file_is_named_where_it_holds_a_secret(tmp_path: Path, text: str, told: bool) -> None:
    file = a_file(tmp_path / "env", 0o644, text)
    assert bool(exposed_secrets(Settings(env_file=file))) is told


def test_the_doctor_and_a_worker_say_so(tmp_path: Path) -> None:
    file = a_file(tmp_path / "s" / "bulk_activate_api_token", 0o644)
    nowhere = "unix:///nowhere/redis.sock"
    done = cli(
        "doctor", "-o", "json", SECRETS_DIR=str(file.parent), REDIS_URL=nowhere, API_URL="http://127.0.0.1:1"
    )
    (check,) = [check for check in done.json()["checks"] if check["name"] == "secrets"]
    assert check["status"] == "warning"
    assert str(file) in check["message"]
    for processes in ("1", "2"):
        started = cli("worker", "--concurrency", processes, SECRETS_DIR=str(file.parent), REDIS_URL=nowhere)
        first, warning, _error = started.err.splitlines()
        assert (json.loads(first)["event"], json.loads(first)["way"]) == ("calling the API", "no proxy")
        assert json.loads(warning)["level"] == "warning"
        assert json.loads(warning)["event"].startswith(f"{file} holds secrets")


def test_what_is_shown_of_the_settings_holds_no_secret(tmp_path: Path) -> None:
    canary = "hunter2-hunter2"
    given: dict[str, Any] = {
        "redis_url": f"redis://:{canary}@h",
        "traces_url": f"https://h/v1/traces?key={canary}",
        "api_token": SecretStr(canary),
        "access_token": SecretStr(canary),
    }
    settings = Settings(**given)
    assert given.keys() <= SECRETS <= Settings.model_fields.keys()
    assert canary not in json.dumps(settings.public()) + repr(settings) + str(settings)
    # A new setting of such a name is a secret, or is named here for a reason.
    telling = {"token", "url", "key", "password", "dir", "file"}
    named = {name for name in settings.public() if telling & {*name.split("_")}}
    assert named <= {"api_url", "ca_file"}
    assert load().public() == Settings().public()
