"""The folder that `BULK_ACTIVATE_SECRETS_DIR` names: a file a setting, as containers are given them."""

from collections.abc import Iterator
from pathlib import Path

from worker.core.errors import BadSettingError


def check_secrets_dir(folder: Path, name: str, prefix: str) -> None:
    """Reads each file of `folder` that is a setting by its name, as the library will.

    Raises `BadSettingError` for what cannot be read. It names the file, which the library does not. `name` is
    the variable that named the folder.
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
