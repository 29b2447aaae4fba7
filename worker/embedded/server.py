"""Starts the server process, watches it in a thread, and stops it."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from worker.core.errors import BadInputError
from worker.core.redact import redact
from worker.embedded.config import config_text, environment
from worker.embedded.deathsig import ending_with_parent
from worker.embedded.paths import ServerPaths

STOP_GRACE: Final = 15.0
"""Seconds that the server may take to write its AOF before it is killed."""

_TAIL: Final = 4096
"""Bytes read from the end of the log to find its last line."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server process and the thread that watches it."""

    process: subprocess.Popen[bytes]
    watcher: threading.Thread

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_for_end(self) -> str:
        """Waits for the end of the process and describes it."""
        code = self.process.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def stop(self) -> None:
        """Stops the server. Does nothing if it has ended."""
        self.process.terminate()
        self.watcher.join(STOP_GRACE)
        if self.watcher.is_alive():
            self.process.kill()
        self.watcher.join()


@contextmanager
def running(binary: Path, paths: ServerPaths, ended: Callable[[], None], lock: int) -> Iterator[Server]:
    """Runs a server process inside the block. Call it from the main thread, see `deathsig`.

    `ended` is called from another thread when the process ends. The server inherits the descriptor `lock` and
    so holds that lock while it lives. Raises `BadInputError` if the program cannot be started.
    """
    process = _start(binary, paths, lock)

    def watch() -> None:
        process.wait()
        ended()

    watcher = threading.Thread(target=watch, name="redis-watcher", daemon=True)
    watcher.start()
    server = Server(process, watcher)
    try:
        yield server
    finally:
        server.stop()


def _start(binary: Path, paths: ServerPaths, lock: int) -> subprocess.Popen[bytes]:
    _write_private(paths.config, config_text(paths))
    # Output before the server has read its configuration goes to the same log.
    with paths.log.open("ab") as log:
        try:
            return subprocess.Popen(
                # Links are not resolved: Debian's redis-server is one, and the program depends on its name.
                [binary.absolute(), paths.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=paths.home,
                env=environment(os.environ),
                pass_fds=(lock,),
                # A session of its own, or Ctrl-C in a terminal would end the server before its clients.
                start_new_session=True,
                preexec_fn=ending_with_parent(),  # noqa: PLW1509  The supervisor has no other thread yet.
            )
        except OSError as error:
            raise BadInputError(f"cannot start {binary}: {error.strerror}") from error


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def last_log_line(log: Path) -> str:
    """The last line of the server's log, with what looks like a secret hidden; '' if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((redact(line) for line in reversed(lines) if line.strip()), "")
