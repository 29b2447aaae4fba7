"""Reads the folder that `BULK_ACTIVATE_SECRETS_DIR` names: one file per setting, as in containers."""

from collections.abc import Collection
from pathlib import Path

from worker.core.errors import BadSettingError


def read_secrets_dir(folder: Path, variable: str, fields: Collection[str], prefix: str) -> dict[str, str]:
    """The values of those `fields` that have a file in `folder`, named as their variables, in any case.

    Not by pydantic-settings, which reads files that nobody needs and does not name the one that it could not
    read. Raises `BadSettingError`, which names it. `variable` named the folder, for messages.
    """
    try:
        if not folder.is_dir():
            raise BadSettingError(f"{variable}: {folder} is no folder: correct or unset it")
        files = {path.name.lower(): path for path in sorted(folder.iterdir())}
        wanted = {field: files.get(f"{prefix}{field}".lower()) for field in fields}
        return {field: _text(path, variable) for field, path in wanted.items() if path is not None}
    except OSError as error:
        raise BadSettingError(
            f"{variable}: cannot read {error.filename or folder} ({error.strerror}): make it readable, or"
            " unset it"
        ) from None


def _text(path: Path, variable: str) -> str:
    try:
        return path.read_text("utf-8").strip()
    except UnicodeDecodeError:
        raise BadSettingError(
            f"{variable}: {path} is not UTF-8: save the value alone, as plain text"
        ) from None
