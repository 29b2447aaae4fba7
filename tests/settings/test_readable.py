"""Unreadable files are named, and files that a command does not need are not read."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.e2e.stack import BULK_ACTIVATE, ORG, TIMEOUT, Done, environment

NOBODY = 54321
"""A user id without an entry in passwd."""

AS_NOBODY = f"""
import os, sys
from worker.core.errors import BadSettingError
from worker.settings import load
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
    os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
try:
    print(load())
except BadSettingError as error:
    print(error)
"""
"""Loads the settings as somebody who may read nothing of ours."""


def loaded(folder: Path | None = None, **settings: str) -> str:
    """What the settings come to for a user who owns nothing."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", AS_NOBODY],
        env=environment(settings),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    return done.stdout


def closed(path: Path) -> Path:
    path.chmod(0)
    return path


@pytest.fixture
def secrets() -> Iterator[Path]:
    """A folder that anybody may search, with a secret that nobody may read."""
    # Not in a folder of pytest's own, which are closed to others.
    with TemporaryDirectory(prefix="secrets-") as folder:
        path = Path(folder, "bulk_activate_api_token")
        path.write_text("a-secret")
        closed(path)
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_secret_of_somebody_else_is_named(secrets: Path) -> None:
    said = loaded(SECRETS_DIR=str(secrets))
    assert f"cannot read {secrets}/bulk_activate_api_token (Permission denied)" in said


def test_a_folder_of_secrets_that_is_closed_is_named(secrets: Path) -> None:
    closed(secrets)
    try:
        assert f"SECRETS_DIR: cannot read {secrets} (Permission denied)" in loaded(SECRETS_DIR=str(secrets))
        inner = f"{secrets}/inner"
        assert f"SECRETS_DIR: cannot read {inner} (Permission denied)" in loaded(SECRETS_DIR=inner)
    finally:
        secrets.chmod(0o700)


def test_a_file_of_settings_of_somebody_else_is_named(secrets: Path) -> None:
    path = secrets / "bulk_activate_api_token"
    assert f"ENV_FILE: cannot read {path} (Permission denied)" in loaded(ENV_FILE=str(path))


def test_a_certificate_in_a_closed_folder_is_named(secrets: Path) -> None:
    closed(secrets)
    try:
        url = f"rediss://redis.example/0?ssl_ca_certs={secrets}/ca.pem"
        assert f"cannot read {secrets}/ca.pem (Permission denied)" in loaded(REDIS_URL=url)
    finally:
        secrets.chmod(0o700)


def test_a_binary_credential_is_named_where_it_is_needed_and_not_read_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "BULK_ACTIVATE_API_TOKEN"
    path.write_bytes(b"\xff\xfet\x00")
    settings = {
        "BULK_ACTIVATE_SECRETS_DIR": str(tmp_path),
        "BULK_ACTIVATE_ACCESS_TOKEN": "two words",
        "BULK_ACTIVATE_REDIS_URL": "redis://127.0.0.1:1/0",
    }
    needed = run("worker", settings)
    assert (needed.code, needed.out) == (2, "")
    assert needed.err.splitlines() == [
        f"Error: BULK_ACTIVATE_SECRETS_DIR: {path} is not UTF-8: save the value alone, as plain text"
    ]
    # It gets as far as to Redis, which is not there.
    assert run("status", "20261124-093000-00000000", settings).code == 7


def test_a_binary_secret_is_named(tmp_path: Path) -> None:
    path = tmp_path / "BULK_ACTIVATE_REDIS_URL"
    path.write_bytes(b"\xff\xfet\x00")
    done = run("status", "20261124-093000-00000000", {"BULK_ACTIVATE_SECRETS_DIR": str(tmp_path)})
    assert (done.code, done.out) == (2, "")
    assert f"{path} is not UTF-8" in done.err


def test_a_current_folder_that_may_not_be_searched_is_no_fault(secrets: Path) -> None:
    closed(secrets)
    try:
        assert "rate_max=100.0" in loaded(secrets)
    finally:
        secrets.chmod(0o700)


def run(*words: str | Mapping[str, str]) -> Done:
    """Runs a command in a folder that is gone, as a user without an entry in passwd and without HOME."""
    outer = {"PATH": os.environ["PATH"]}
    arguments = []
    for word in words:
        if isinstance(word, str):
            arguments.append(word)
        else:
            outer |= word
    # `os.setresuid`: the real user is who has a home; the effective one may read the interpreter's files.
    begins = (
        "import os, sys, tempfile\n"
        "place = tempfile.mkdtemp(); os.chdir(place); os.rmdir(place)\n"
        f"os.geteuid() or os.setresuid({NOBODY}, 0, 0)\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", begins, BULK_ACTIVATE, *arguments],
        env=outer,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_user_without_passwd_and_home_is_asked_for_none(tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f\n")
    assert run("plan", str(ids)).code == 0
    unreachable = {"BULK_ACTIVATE_REDIS_URL": "redis://127.0.0.1:1/0"}
    assert run("status", "20261124-093000-00000000", unreachable).code == 7
    assert run("worker", {**unreachable, "BULK_ACTIVATE_API_TOKEN": "t"}).code == 7


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may be somebody without a home")
def test_a_run_without_a_home_says_what_to_set(tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f\n")
    for command in (["run", str(ids), "--org", ORG], ["list", "--local"], ["demo"]):
        done = run(*command, {"BULK_ACTIVATE_API_TOKEN": "t"})
        assert (command, done.code, done.out) == (command, 2, "")
        assert "has no home: set BULK_ACTIVATE_STATE_DIR" in done.err
        assert "Traceback" not in done.err
