"""The file that `BULK_ACTIVATE_ENV_FILE` names: settings, one a line, as `NAME=value`.

Settings say where the credential is sent. So no file is read unasked, and none that somebody else could
have written.
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
"""Bytes. A file of settings is a page or two."""


def read_env_file(path: Path, name: str) -> Mapping[str, str | None]:
    """What the file says, by name. `name` is the variable that named it.

    Raises `BadSettingError` where it is not there, cannot be read, or others may write it.
    """
    try:
        file = open(path, "rb", opener=_open_nonblocking)  # noqa: SIM115 -- it is closed below.
    except OSError as error:
        raise BadSettingError(f"{name}: cannot read {path} ({error.strerror}): correct or unset it") from None
    with file:
        # What is looked at is what is read, whatever takes its place meanwhile.
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
    # A pipe would be waited for.
    return os.open(path, flags | os.O_NONBLOCK)
