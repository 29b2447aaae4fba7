"""The server's process: started, watched by a thread, stopped."""

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
"""Seconds a server may take to write its AOF out before it is killed."""

_TAIL: Final = 4096
"""Bytes read from the log's end to say why a server died."""


@dataclass(frozen=True, slots=True)
class Server:
    process: subprocess.Popen[bytes]
    watcher: threading.Thread

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_for_end(self) -> str:
        """How it ended, in words; waits for that."""
        code = self.process.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def stop(self) -> None:
        """Ends the server; without effect on one that has ended."""
        self.process.terminate()
        self.watcher.join(STOP_GRACE)
        if self.watcher.is_alive():
            self.process.kill()
        self.watcher.join()


@contextmanager
def running(binary: Path, paths: ServerPaths, ended: Callable[[], None], lock: int) -> Iterator[Server]:
    """A server process that is stopped at the end. Call it from the main thread, see `deathsig`.

    `ended` is called from another thread when the process ends.
    The server inherits the descriptor `lock` and holds it as long as it lives. Raises `BadInputError` for a
    program that cannot be started.
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
    # What the server says before it has read its configuration goes to the same log.
    with paths.log.open("ab") as log:
        try:
            return subprocess.Popen(
                # Not resolved: Debian's redis-server is a link, and the program acts upon its name.
                [binary.absolute(), paths.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=paths.home,
                env=environment(os.environ),
                pass_fds=(lock,),
                # A session of its own: Ctrl-C in a terminal would end the server before its clients.
                start_new_session=True,
                preexec_fn=ending_with_parent(),  # noqa: PLW1509  The supervisor has no other thread yet.
            )
        except OSError as error:
            raise BadInputError(f"cannot start {binary}: {error.strerror}") from error


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def last_log_line(log: Path) -> str:
    """The last line that the server logged, without what looks like a secret; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((redact(line) for line in reversed(lines) if line.strip()), "")
