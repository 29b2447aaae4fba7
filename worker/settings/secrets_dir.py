"""Checks the folder that `BULK_ACTIVATE_SECRETS_DIR` names: one file per setting, as in containers."""

from collections.abc import Iterator
from pathlib import Path

from worker.core.errors import BadSettingError


def check_secrets_dir(folder: Path, name: str, prefix: str) -> None:
    """Reads each file of `folder` whose name is that of a setting, as pydantic-settings will.

    Raises `BadSettingError` for one that cannot be read, and names it, which the library does not. `name` is
    the variable that named the folder, for messages.
    """
    try:
        if not folder.is_dir():
            raise BadSettingError(f"{name}: {folder} is no folder: correct or unset it")
        for path in _settings_in(folder, prefix):
            path.read_text("utf-8")
    except OSError as error:
        raise BadSettingError(
            f"{name}: cannot read {error.filename or folder} ({error.strerror}): make it readable, or"
            " unset it"
        ) from None
    except UnicodeDecodeError:
        raise BadSettingError(f"{name}: {path} is not UTF-8: save the value alone, as plain text") from None


def _settings_in(folder: Path, prefix: str) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.lower().startswith(prefix.lower()):
            yield path
