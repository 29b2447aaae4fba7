"""The file of keys, which is read anew when it has changed."""

import os
from pathlib import Path

import structlog

from producers.web.keys import Key, Keys, find, parse_key
from worker.core.errors import BadInputError, BadSettingError
from worker.core.file_mode import written_by_others

_log = structlog.get_logger(__name__)


class KeysFile(Keys):
    """The keys in a file, which is read anew when it has changed.

    A line that is damaged after a change is left out and logged, and so is a file that is gone or that others
    may write: then nobody may do anything. A key that was taken out is refused from the next request on.
    """

    def __init__(self, path: Path) -> None:
        """Raises `BadSettingError` if the file cannot be used."""
        self._path = path
        self._read_at: tuple[int, ...] | None = None
        self._keys: list[Key] = []
        try:
            keys, damage = self._read()
        except BadInputError as error:
            raise BadSettingError(f"SERVE_KEYS_FILE: {error}") from None
        if damage:
            raise BadSettingError(f"SERVE_KEYS_FILE: {path}, {damage[0]}")
        if not keys:
            raise BadSettingError(f"SERVE_KEYS_FILE: {path} holds no key: `bulk-activate key` makes one")
        self._keys, self._read_at = keys, _state(path)

    def with_digest(self, digest: bytes) -> Key | None:
        if (state := _state(self._path)) != self._read_at:
            try:
                self._keys, damage = self._read()
            except BadInputError as error:
                self._keys, damage = [], [str(error)]
            for why in damage:
                _log.error("the keys file is damaged", path=str(self._path), why=why)
            _log.info("the keys file was read again", keys=len(self._keys))
            self._read_at = state
        return find(self._keys, digest)

    def _read(self) -> tuple[list[Key], list[str]]:
        """The keys, and what is wrong with other lines. Raises `BadInputError` if the file cannot be used."""
        try:
            with self._path.open(encoding="utf-8") as file:
                found = os.fstat(file.fileno())
                lines = file.read().splitlines()
        except OSError as error:
            raise BadInputError(f"cannot read {self._path} ({error.strerror})") from None
        except UnicodeDecodeError:
            raise BadInputError(f"{self._path} is not UTF-8") from None
        if (how := written_by_others(found.st_mode, found.st_uid, os.geteuid())) is not None:
            raise BadInputError(f"{self._path} {how}: make it yours alone (chown, chmod go-w)")
        keys: dict[str, Key] = {}
        damage = []
        for number, line in enumerate(map(str.strip, lines), 1):
            if not line or line.startswith("#"):
                continue
            try:
                key = parse_key(line)
            except BadInputError as error:
                damage.append(f"line {number}: {error}")
                continue
            if key.name in keys:
                damage.append(f"line {number}: the name {key.name} stands twice")
            else:
                keys[key.name] = key
        return list(keys.values()), damage


def _state(path: Path) -> tuple[int, ...] | None:
    """What changes when the file does; None where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode, found.st_uid
