"""Runs the HTTP API and the page in this process until SIGTERM or Ctrl-C."""

import os
import sys
import threading
from dataclasses import replace
from typing import Final

import structlog

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
from producers.web.limits import DEFAULTS, Limits, allowed_connections
from producers.web.listening import bracketed, listening, names_of
from producers.web.metrics import Counted, HttpMetrics, serving_metrics
from producers.web.refusals import Refusals
from producers.web.sessions import Sessions
from producers.web.shares import Shares
from producers.web.stopping import Stopping
from producers.web.threads import Threads
from producers.web.traced import traced
from producers.web.uploads import Bounds
from producers.web.uvicorn_server import Server
from worker.core.errors import BadInputError
from worker.settings import LOOPBACK, PREFIX, Settings
from worker.telemetry import logs
from worker.telemetry.traces import Service, Tracing, make_tracing

_WORK_ENDS_WITHIN: Final = 3.0
"""Seconds for work in threads, once the answers have ended."""
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
        bounds = _bounds(settings, limits, stopping, threads)
        api = Api(settings, client, threads, feeds, stopping, limits, bounds, keys, sessions)
        hosts = frozenset(settings.serve_hosts or ()) | names_of(host)
        url = f"http://{bracketed(host)}:{listener.getsockname()[1]}"
        metrics = HttpMetrics(lambda: feeds.streams)
        admission = Admission(keys, sessions, hosts)
        requests = Shares("requests", limits.connections, limits.of_key(limits.connections))
        app = Counted(Gate(traced(make_app(api), tracing), admission, requests, Refusals(limits)), metrics)
        with serving_metrics(metrics, settings):
            code = Server(app, bounded(limits), stopping, url, secret).run_on(listener)
        has_ended = threads.close(_WORK_ENDS_WITHIN)
        if tracing is not None:
            _close_within(tracing, _SPANS_ARE_SENT_WITHIN)
        if not has_ended:
            # A thread cannot be ended. What it was storing is removed by a worker's sweep.
            _log.warning("ended while work was under way")
            sys.stdout.flush()
            os._exit(code)
        return code


def _bounds(settings: Settings, limits: Limits, stopping: Stopping, threads: Threads) -> Bounds:
    uploads = Shares("lists under way", limits.uploads, limits.of_key(limits.uploads))
    most, seconds = settings.serve_max_upload, settings.serve_upload_timeout
    return Bounds(most, seconds, limits.silence, uploads, stopping, threads)


def _close_within(tracing: Tracing, seconds: float) -> None:
    closing = threading.Thread(target=tracing.close, daemon=True)
    closing.start()
    closing.join(seconds)


def _warn(line: str) -> None:
    _log.warning(line)
