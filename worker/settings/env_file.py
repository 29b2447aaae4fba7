"""Reads the file that `BULK_ACTIVATE_ENV_FILE` names: settings, one `NAME=value` per line.

Settings decide where the credential is sent. So only a file that is named is read, and none that other users
can write to.
"""

import io
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from worker.core.errors import BadSettingError
from worker.core.file_mode import written_by_others

MAX_BYTES: Final = 1 << 20
"""Bytes of the file at most. A file of settings has a page or two."""


def read_env_file(path: Path, name: str) -> Mapping[str, str | None]:
    """The settings in the file, by name. `name` is the variable that named the file, for messages.

    Raises `BadSettingError` if it is missing, unreadable or writable by others.
    """
    try:
        file = open(path, "rb", opener=_open_nonblocking)  # noqa: SIM115 -- it is closed below.
    except OSError as error:
        raise BadSettingError(f"{name}: cannot read {path} ({error.strerror}): correct or unset it") from None
    with file:
        # Checks the open file, which stays the same even if its name is replaced.
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise BadSettingError(f"{name}: {path} is no regular file: correct or unset it")
        if (how := written_by_others(found.st_mode, found.st_uid, os.geteuid())) is not None:
            raise BadSettingError(
                f"{name}: {path} {how}, and could send your credential elsewhere:"
                f" make it yours alone (chown, chmod go-w), then look at what it holds"
            )
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise BadSettingError(f"{name}: {path} is larger than {MAX_BYTES} bytes: that is no file of settings")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadSettingError(f"{name}: {path} is not UTF-8: save it as that") from None
    return dotenv_values(stream=io.StringIO(text))


def _open_nonblocking(path: str, flags: int) -> int:
    # Opening a pipe would block.
    return os.open(path, flags | os.O_NONBLOCK)
