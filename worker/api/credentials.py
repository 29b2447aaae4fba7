"""Reads an organization's API token from its file in `CREDENTIALS_DIR`, or takes the one that serves all.

The organization's id comes from a job's record, which others may have written. So the id is checked, and only
a small regular file *inside* the folder is read, without following symlinks out of it. Links that stay inside
are followed, since Kubernetes mounts a secret as `NAME -> ..data/NAME`.
"""

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from worker.core.access.token_text import clean_token, decode_token
from worker.core.ids import is_org_id
from worker.settings import PREFIX, Settings

MAX_BYTES: Final = 16 << 10
"""Bytes of a file at most. An API token has some dozens of bytes."""

_FOLDER: Final = f"{PREFIX}CREDENTIALS_DIR"
_TRIES: Final = 3
"""Attempts to open a file. Kubernetes replaces all files of a secret at once, which removes resolved paths.
"""


class CredentialRejectedError(Exception):
    """The API token is missing or refused, and a person has to mend it. The message has no secret."""


def api_token_of(org_id: str, settings: Settings) -> SecretStr:
    """The organization's own API token, or the one that serves all. Reads the file each time.

    Raises `CredentialRejectedError` if there is neither, or if the organization's file cannot be used: the
    token that serves all is no replacement, since it may belong to another account.
    """
    if settings.credentials_dir is not None:
        name = _file_name(settings.credentials_dir, org_id)
        if name is not None:
            return SecretStr(_read_token(settings.credentials_dir, name))
    if settings.api_token:
        return settings.api_token
    raise CredentialRejectedError(
        f"no credential for organization {org_id}: set {PREFIX}API_TOKEN for the worker"
        f" (or a file in {_FOLDER}), then resume the job"
    )


def _file_name(folder: Path, org_id: str) -> str | None:
    """Name of the organization's file, in any letter case; None if there is none."""
    if not is_org_id(org_id):
        raise CredentialRejectedError("the job names no organization's id: no credential is looked for")
    try:
        names = [name for name in os.listdir(folder) if name.lower() == org_id.lower()]  # noqa: PTH208
    except OSError as error:
        raise CredentialRejectedError(
            f"cannot read the folder {_FOLDER} ({error.strerror}): name one that can be read,"
            " then resume the job"
        ) from None
    if len(names) > 1:
        raise CredentialRejectedError(
            f"the files {' and '.join(sorted(names))} in {_FOLDER} differ in the case of letters alone:"
            " keep one of them, then resume the job"
        )
    return names[0] if names else None


def _read_token(folder: Path, name: str) -> str:
    try:
        content = _read(folder, name)
    except OSError as error:
        raise _unusable(name, f"cannot be read ({error.strerror})", "make the file readable") from None
    try:
        return clean_token(decode_token(content))
    except ValueError as error:
        raise _unusable(
            name, str(error), "put the API token of an organization owner into it, alone"
        ) from None


def _read(folder: Path, name: str) -> bytes:
    with os.fdopen(_open_with_retry(folder, name), "rb") as file:
        _require_regular(name, os.fstat(file.fileno()))
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise _unusable(name, f"is larger than {MAX_BYTES} bytes", "put the API token into it, alone")
    return content


def _open_with_retry(folder: Path, name: str) -> int:
    for _ in range(_TRIES - 1):
        with contextlib.suppress(FileNotFoundError):
            return _open_inside(folder, name)
    return _open_inside(folder, name)


def _open_inside(folder: Path, name: str) -> int:
    """Opens the file that `name` resolves to, folder by folder, without following further links."""
    # Not `Path.resolve`, which raises no OSError for a loop of links.
    home = Path(os.path.realpath(folder, strict=True))
    target = Path(os.path.realpath(home / name, strict=True))
    if not target.is_relative_to(home) or target == home:
        raise _unusable(name, "is a link that leads out of the folder", "put the file itself there")
    *folders, last = target.relative_to(home).parts
    folder_fd = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            inner_fd = os.open(
                part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder_fd
            )
            os.close(folder_fd)
            folder_fd = inner_fd
        # Opening a device can have effects, hence the check; O_NONBLOCK, as a pipe may replace the file now.
        _require_regular(name, os.stat(last, dir_fd=folder_fd, follow_symlinks=False))
        return os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
    finally:
        os.close(folder_fd)


def _require_regular(name: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _unusable(name, "is no regular file", "put a file with the API token in its place")


def _unusable(name: str, problem: str, cure: str) -> CredentialRejectedError:
    return CredentialRejectedError(f"the file {name} in {_FOLDER} {problem}: {cure}, then resume the job")
