"""Processes that `run` starts and ends: the embedded Redis, a worker, the simulator, `serve`.

Each child gets a pipe as its standard input and exits when the pipe closes, so none outlives this process,
even if it is killed.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from worker.core.errors import BadInputError, BulkActivateError

_STOP_TIMEOUT: Final = 40.0
"""Seconds that a child has to exit after SIGTERM: requests in flight are answered first."""

_MAX_RESTARTS: Final = 5


class _LoggedException(msgspec.Struct):
    """An exception in a JSON log line, as structlog writes it."""

    exc_type: str
    exc_value: str


class _LogLine(msgspec.Struct):
    """The fields of our JSON log lines that are shown to a person."""

    event: str
    exception: list[_LoggedException] = []


class Child:
    """The process `python -P -m MODULE NAME ...`, logging to a file.

    `-P` keeps Python from importing modules from the current folder.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        module: str = "worker",
    ) -> None:
        self.name = name
        self._command = [sys.executable, "-P", "-m", module, name, *arguments, "--with-parent"]
        self._environment = dict(environment)
        self._log = log.absolute()
        self._restarts = 0
        self._process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_until_ready(self) -> dict[str, Any]:
        """The line of JSON that the child prints once it can be used; as `first_line`."""
        return msgspec.json.decode(self.first_line(), type=dict[str, Any])

    def first_line(self) -> bytes:
        """Waits for the line that the child prints once it can be used.

        Raises `BulkActivateError` if the child exits instead.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._failure(self._process.wait())
        return line

    def wait(self) -> None:
        """Blocks until the child has exited."""
        self._process.wait()

    def restart_if_dead(self) -> None:
        """Starts the child again if it has died.

        Raises `BulkActivateError` after five restarts, or at once for exit codes that a restart cannot mend.
        """
        code = self._process.poll()
        if code is None:
            return
        if self._restarts == _MAX_RESTARTS or code in {2, 7}:
            raise self._failure(code)
        self._restarts += 1
        self._close_pipes()
        self._process = self._start()

    def stop(self) -> None:
        """Asks the child to exit, waits, and kills it after `_STOP_TIMEOUT`."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close_pipes()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            # A log of an earlier version may be readable by others.
            os.fchmod(log.fileno(), 0o600)
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                # Ctrl-C goes to this process alone, which then stops its children in order.
                start_new_session=True,
            )

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _failure(self, code: int) -> BulkActivateError:
        words = last_log_line(self._log)
        message = f"the {self.name} process ended ({code}): {words} (more in {self._log})"
        return BadInputError(message) if code == BadInputError.exit_code else BulkActivateError(message)


def last_log_line(log: Path) -> str:
    """The last line of a log, as a person reads it."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return _readable(lines[-1]) if lines else "it said nothing"


def _readable(line: str) -> str:
    """A JSON log line as its event and exception; any other line as it is."""
    try:
        event = msgspec.json.decode(line, type=_LogLine)
    except msgspec.DecodeError:
        return line.removeprefix("Error: ")
    return ": ".join((event.event, *(f"{it.exc_type}: {it.exc_value}" for it in event.exception[:1])))
