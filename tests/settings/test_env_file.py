"""The file that ENV_FILE names: what it says counts; it is not read unasked, nor from anybody's hand."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.stack import cli
from worker.core.errors import BadSettingError
from worker.core.file_mode import read_by_others, written_by_others
from worker.settings import load

ORG = "6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    named = tmp_path / "settings"
    named.touch(0o600)
    monkeypatch.setenv("BULK_ACTIVATE_ENV_FILE", str(named))
    return named


def test_no_file_is_read_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("BULK_ACTIVATE_MAX_ATTEMPTS=9\nBULK_ACTIVATE_NONSENSE=1\n")
    monkeypatch.chdir(tmp_path)
    assert load().max_attempts == 5


def test_the_environment_wins_over_the_file_and_a_flag_over_both(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "bulk_activate_api_token").write_text("of-the-folder")
    (secrets / "bulk_activate_access_token").write_text("of-the-folder")
    file.write_text(
        "# A remark, and what is others'.\nOTHER=1\nexport BULK_ACTIVATE_MAX_ATTEMPTS=7\n"
        f"BULK_ACTIVATE_CONCURRENCY='8'\nbulk_activate_org_id={ORG}\nBULK_ACTIVATE_RATE=\n"
        f"BULK_ACTIVATE_SECRETS_DIR={secrets}\nBULK_ACTIVATE_API_TOKEN=of-the-file\n"
    )
    monkeypatch.setenv("BULK_ACTIVATE_MAX_ATTEMPTS", "6")
    monkeypatch.setenv("BULK_ACTIVATE_CONCURRENCY", "")
    settings = load(rate=3.0)
    assert (settings.max_attempts, settings.concurrency, settings.org_id) == (6, 8, ORG)
    assert settings.rate == 3.0
    assert settings.api_token is not None
    assert settings.api_token.get_secret_value() == "of-the-file"
    assert settings.access_token is not None
    assert settings.access_token.get_secret_value() == "of-the-folder"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("BULK_ACTIVATE_NONSENSE=1", "unknown setting BULK_ACTIVATE_NONSENSE in .*settings"),
        ("BULK_ACTIVATE_NONSENSE=", "unknown setting BULK_ACTIVATE_NONSENSE in .*settings"),
        (
            "BULK_ACTIVATE_CONCURRENCY=many",
            "BULK_ACTIVATE_CONCURRENCY in the file that",
        ),
        ("BULK_ACTIVATE_ENV_FILE=other", "a file names no other"),
        ("BULK_ACTIVATE_SECRETS_DIR=/nowhere", "BULK_ACTIVATE_SECRETS_DIR: /nowhere is no folder"),
    ],
)
def test_a_line_that_cannot_be_is_named(file: Path, line: str, says: str) -> None:
    file.write_text(f"{line}\n")
    with pytest.raises(BadSettingError, match=says):
        load()


def not_there(file: Path) -> None:
    file.unlink()


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def written_by_the_group(file: Path) -> None:
    file.chmod(0o660)


def written_by_all(file: Path) -> None:
    file.chmod(0o602)


def too_large(file: Path) -> None:
    os.truncate(file, 1 << 30)


def no_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (not_there, "No such file or directory"),
        (a_folder, "Is a directory"),
        (a_pipe, "no regular file"),
        (written_by_the_group, "others may write it .mode 0660."),
        (written_by_all, "others may write it .mode 0602."),
        (too_large, "larger than"),
        (no_text, "not UTF-8"),
    ],
)
def test_a_file_that_may_not_be_used_stops_the_program(
    file: Path, make: Callable[[Path], None], says: str
) -> None:
    make(file)
    with pytest.raises(BadSettingError, match=rf"BULK_ACTIVATE_ENV_FILE: .*{says}"):
        load()


def test_a_command_exits_with_2_and_says_which_file(file: Path) -> None:
    file.chmod(0o666)
    done = cli("list", ENV_FILE=str(file))
    assert done.code == 2
    assert f"BULK_ACTIVATE_ENV_FILE: {file} others may write it" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("mode", "owner", "written", "read"),
    [
        (0o600, 1000, None, None),
        (0o400, 0, None, None),
        (0o640, 0, None, None),
        (0o644, 1000, None, "anybody may read it (mode 0644)"),
        (0o660, 1000, "others may write it (mode 0660)", None),
        (0o602, 1000, "others may write it (mode 0602)", None),
        (0o600, 1001, "belongs to another user (uid 1001)", None),
        (0o100644, 1000, None, "anybody may read it (mode 0644)"),
    ],
)
def test_who_may_do_what_by_mode_and_owner(
    mode: int, owner: int, written: str | None, read: str | None
) -> None:
    assert (written_by_others(mode, owner, 1000), read_by_others(mode)) == (written, read)
