"""Runs the HTTP API and the page in this process until SIGTERM or Ctrl-C."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from types import FrameType
from typing import Final

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from producers.client import Client
from producers.submission.request import whoami
from producers.submission.session import Session
from producers.web.admission import Admission
from producers.web.api import Api
from producers.web.app import make_app
from producers.web.connections import bounded
from producers.web.feeds import Feeds
from producers.web.gate import Gate
from producers.web.keys import Key, Keys, OneKey, Role, digest_of, new_key
from producers.web.keys_file import KeysFile
from producers.web.limits import BACKLOG, DEFAULTS, Limits, allowed_connections
from producers.web.listening import bracketed, listening, names_of
from producers.web.metrics import Counted, HttpMetrics, serving_metrics
from producers.web.refusals import Refusals
from producers.web.sessions import Sessions
from producers.web.shares import Shares
from producers.web.stopping import Stopping
from producers.web.threads import Threads
from producers.web.traced import traced
from producers.web.uploads import Bounds
from worker.core.errors import BadInputError
from worker.process.signal_handlers import install_signal_handlers
from worker.settings import LOOPBACK, PREFIX, Settings
from worker.telemetry import logs
from worker.telemetry.traces import Service, Tracing, make_tracing

_ANSWERS_END_WITHIN: Final = 5
"""Seconds for answers that are under way; then their connections are cut."""
_WORK_ENDS_WITHIN: Final = 3.0
"""Seconds for work in threads after that."""
_SPANS_ARE_SENT_WITHIN: Final = 1.0
"""Seconds for the last spans of traces. All together are less than the ten that SIGTERM leaves."""
_log = structlog.get_logger(__name__)


def serve(settings: Settings, host: str, port: int, limits: Limits = DEFAULTS) -> int:
    """Serves until the process is told to end; returns the exit code. Raises `BadInputError`."""
    is_loopback = host in LOOPBACK
    if settings.serve_keys_file is None and not is_loopback:
        raise BadInputError(
            f"--host {host}: without {PREFIX}SERVE_KEYS_FILE it listens on loopback alone:"
            " make a key with `bulk-activate key`"
        )
    keys: Keys
    if settings.serve_keys_file is None:
        secret = new_key("local", Role.ADMIN, ()).secret
        # Whoever started it is who acts.
        keys = OneKey(Key(whoami(), Role.ADMIN, digest_of(secret.encode())))
    else:
        secret, keys = "", KeysFile(settings.serve_keys_file)
    logs.configure(settings)
    limits = replace(limits, connections=allowed_connections(limits.connections))
    tracing = make_tracing(settings, Service.SERVE)
    session = Session(settings, _warn, tracing=tracing)
    with listening(host, port, limits) as listener, Client.over(session) as client:
        threads, stopping = Threads(), Stopping()
        sessions, feeds = Sessions(keys), Feeds(client, threads, stopping)
        uploads = Shares("lists that come in", limits.uploads, limits.of_key(limits.uploads))
        bounds = Bounds(
            settings.serve_max_upload,
            settings.serve_upload_timeout,
            limits.silence,
            uploads,
            stopping,
            threads,
        )
        api = Api(settings, client, threads, feeds, stopping, limits, bounds, keys, sessions)
        hosts = frozenset(settings.serve_hosts or ()) | names_of(host)
        url = f"http://{bracketed(host)}:{listener.getsockname()[1]}"
        metrics = HttpMetrics(lambda: feeds.streams)
        admission = Admission(keys, sessions, hosts)
        requests = Shares("requests", limits.connections, limits.of_key(limits.connections))
        app = Counted(Gate(traced(make_app(api), tracing), admission, requests, Refusals(limits)), metrics)
        with serving_metrics(metrics, settings):
            code = _run(_Server(app, bounded(limits), stopping, url, secret), listener)
        has_ended = threads.close(_WORK_ENDS_WITHIN)
        if tracing is not None:
            _close_within(tracing, _SPANS_ARE_SENT_WITHIN)
        if not has_ended:
            # A thread cannot be ended. What it was storing is removed by a worker's sweep.
            _log.warning("ended while work was under way")
            sys.stdout.flush()
            os._exit(code)
        return code


def _close_within(tracing: Tracing, seconds: float) -> None:
    closing = threading.Thread(target=tracing.close, daemon=True)
    closing.start()
    closing.join(seconds)


def _run(server: "_Server", listener: socket.socket) -> int:
    install_signal_handlers()
    asyncio.run(server.serve([listener]))
    return 130 if server.interrupted else 0


class _Server(uvicorn.Server):
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
        self.interrupted = False

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
            self.interrupted = True
        self._stopping.begin()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._end(sig)


def _warn(line: str) -> None:
    _log.warning(line)
