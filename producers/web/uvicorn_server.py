"""Runs the application in uvicorn, until SIGTERM or Ctrl-C."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from producers.web.limits import BACKLOG
from producers.web.metrics import Counted
from producers.web.stopping import Stopping
from worker.process.signal_handlers import install_signal_handlers

_ANSWERS_END_WITHIN: Final = 5
"""Seconds for answers that are under way; then their connections are cut."""


class Server(uvicorn.Server):
    """Prints its address once it can be used, and tells whatever waits when it ends."""

    def __init__(
        self, app: Counted, protocol: type[H11Protocol], stopping: Stopping, url: str, secret: str
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                # What strangers send is worth no line each.
                log_level="error",
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                # Over h11: the other parser takes a header of any length, from anybody.
                http=protocol,
                loop="asyncio",
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=_ANSWERS_END_WITHIN,
            )
        )
        self._stopping = stopping
        self._url = url
        self._secret = secret
        self._interrupted = False

    def run_on(self, listener: socket.socket) -> int:
        """Serves until the process is told to end; returns the exit code."""
        install_signal_handlers()
        asyncio.run(self.serve([listener]))
        return 130 if self._interrupted else 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number)
        if self._secret:
            sys.stderr.write(f"An admin key for this run: {self._url}/?key={self._secret}\n")
        sys.stdout.write(f"{self._url}\n")
        sys.stdout.flush()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Without the base's handlers, which raise the signal again at the end."""
        yield

    def _end(self, number: int) -> None:
        if number == signal.SIGINT:
            self._interrupted = True
        self._stopping.begin()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._end(sig)
