"""Finds files with secrets that other users could write or read. They cause warnings and stop nothing.

File systems mounted read-only are skipped, as containers and systemd get their secrets: modes mean nothing
there and cannot be changed from here.
"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from worker.core.errors import BadSettingError
from worker.core.file_mode import read_by_others, written_by_others
from worker.core.ids import is_org_id
from worker.settings import PREFIX, SECRETS, Settings
from worker.settings.env_file import read_env_file


def exposed_secrets(settings: Settings) -> list[str]:
    """One warning per file or folder with secrets that other users may write, or that everyone may read."""
    found = [
        (path, problem)
        for path in _secret_paths(settings)
        if (problem := _problem(path)) is not None and not _is_read_only(path)
    ]
    return [
        f"{path} holds secrets, and {problem}: make it yours alone (chown, chmod)" for path, problem in found
    ]


def _secret_paths(settings: Settings) -> Iterator[Path]:
    if (folder := settings.secrets_dir) is not None:
        yield from _folder_and_files(folder, lambda name: name.lower().startswith(PREFIX.lower()))
    if (folder := settings.credentials_dir) is not None:
        yield from _folder_and_files(folder, is_org_id)
    if settings.env_file is not None and _holds_secrets(settings.env_file):
        yield settings.env_file


def _folder_and_files(folder: Path, is_read: Callable[[str], bool]) -> Iterator[Path]:
    """The folder, and the files in it whose names pass `is_read`."""
    yield folder
    try:
        yield from sorted(path for path in folder.iterdir() if is_read(path.name))
    except OSError:
        # The code that needs a file of it reports the error.
        return


def _holds_secrets(env_file: Path) -> bool:
    secret = {f"{PREFIX}{name}".upper() for name in SECRETS}
    try:
        return any(value and name.upper() in secret for name, value in read_env_file(env_file, "").items())
    except BadSettingError:
        return False


def _problem(path: Path) -> str | None:
    try:
        found = path.stat()
    except OSError:
        return None
    if path.is_dir():
        # In a sticky folder such as /tmp nobody else can replace our files.
        written = None if found.st_mode & stat.S_ISVTX else found.st_mode
        return None if written is None else written_by_others(written, found.st_uid, os.geteuid())
    return written_by_others(found.st_mode, found.st_uid, os.geteuid()) or read_by_others(found.st_mode)


def _is_read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
