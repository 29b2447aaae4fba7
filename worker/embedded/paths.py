"""Paths of the embedded server's files, in a private folder."""

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from worker.core.errors import BadInputError

MAX_SOCKET_PATH: Final = 100
"""Bytes of a socket's path. macOS allows 103, Linux 107; Redis 6.2 silently cuts a longer one."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9/._-]+")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_NAME: Final = "redis.sock"


@dataclass(frozen=True, slots=True)
class ServerPaths:
    """The files of one server. `home` is absolute and resolved."""

    home: Path
    socket: Path

    @property
    def config(self) -> Path:
        return self.home / "redis.conf"

    @property
    def log(self) -> Path:
        return self.home / "redis.log"


def private_home(folder: Path) -> Path:
    """Creates `folder` if needed, makes it private to its owner, and returns it resolved.

    Raises `BadInputError`.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        home = folder.resolve(strict=True)
        state = home.stat()
        if state.st_uid != os.geteuid():
            raise BadInputError(
                f"{home} belongs to another user (uid {state.st_uid}): name a folder of yours"
            )
        if state.st_mode & _OTHERS:
            _close_to_others(home)
    except OSError as error:
        raise BadInputError(f"cannot use the folder {folder}: {error.strerror}; name another one") from error
    return home


def _close_to_others(home: Path) -> None:
    # A folder with other files, such as /tmp, may be open to others for a reason.
    if any(home.iterdir()) and not (home / "redis.lock").exists():
        raise BadInputError(
            f"{home} is open to other users and holds files that are not the server's: "
            "name an empty folder, or close it with chmod 700"
        )
    home.chmod(0o700)


def is_usable_socket(socket: Path) -> bool:
    """Whether a socket can have this path: short enough, and in no need of quoting in a URL."""
    text = str(socket)
    return len(text) <= MAX_SOCKET_PATH and _PLAIN.fullmatch(text) is not None


@contextmanager
def server_paths(home: Path) -> Iterator[ServerPaths]:
    """The paths of a server with data in `home`.

    The socket is there too if its path is usable, otherwise in a short private folder that is removed at the
    end.
    """
    if is_usable_socket(home / _NAME):
        yield ServerPaths(home, home / _NAME)
        return
    folder = _short_folder()
    try:
        yield ServerPaths(home, folder / _NAME)
    finally:
        remove_socket(home, folder / _NAME)


def remove_socket(home: Path, socket: Path) -> None:
    """Removes the socket, and its folder unless that is `home`."""
    with suppress(OSError):
        socket.unlink(missing_ok=True)
    if socket.parent != home:
        with suppress(OSError):
            socket.parent.rmdir()


def _short_folder() -> Path:
    # TMPDIR itself can be long or unusual. mkdtemp makes a new folder of mode 0700.
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  The folder in it is private, see above.
        folder = Path(parent).resolve()
        if is_usable_socket(folder / "bulk-XXXXXXXX" / _NAME) and folder.is_dir():
            return Path(tempfile.mkdtemp(prefix="bulk-", dir=folder))
    raise BadInputError("no folder with a path short and plain enough for a socket: set TMPDIR to one")
