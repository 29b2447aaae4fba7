"""Metrics of the HTTP requests to this process, for Prometheus.

They are of this process alone, unlike those of `bulk-activate metrics`, which every exporter reads from the
same Redis: rules and dashboards take the sum over instances. No label grows without bound: a route is the
template of a path, and no job, organization or key makes a series of its own.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from producers.web.sent import noting_status, status_of
from worker.process.metrics_endpoint import metrics_endpoint
from worker.settings import PREFIX, Settings

NO_ROUTE: Final = "none"
"""The route of requests that were refused before one was looked for, and of those that fit none."""
NO_ANSWER: Final = "none"
"""The status where the client left first."""
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
"""Seconds."""


class HttpMetrics:
    def __init__(self, streams: Callable[[], float]) -> None:
        """`streams`: the number of event streams that are open now."""
        self.registry: Final = CollectorRegistry()
        self._requests: Final = Counter(
            "bulk_activate_http_requests",
            "HTTP requests to serve.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds: Final = Histogram(
            "bulk_activate_http_request_seconds",
            "Seconds until the answer began, of requests that do not wait for a change of a job.",
            ["route"],
            registry=self.registry,
            buckets=_BUCKETS,
        )
        open_streams = Gauge(
            "bulk_activate_http_event_streams", "Event streams that are open.", registry=self.registry
        )
        open_streams.set_function(streams)

    def answered(self, method: str, route: str, status: int) -> None:
        """Counts a request; `status` is 0 where no answer began."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status) if status else NO_ANSWER).inc()

    def began(self, route: str, seconds: float) -> None:
        """Notes how long the beginning of an answer took."""
        self._seconds.labels(route).observe(seconds)


def serving_metrics(metrics: HttpMetrics, settings: Settings) -> AbstractContextManager[None]:
    """Serves them on a port of their own within the block, if SERVE_METRICS_PORT is set."""
    port = settings.serve_metrics_port
    if port is None:
        return nullcontext()
    choose = f"{PREFIX}SERVE_METRICS_PORT or {PREFIX}METRICS_ADDRESS"
    return metrics_endpoint(metrics.registry, settings.metrics_address, port, choose)


class Counted:
    """The application with each request counted, those that are refused at the gate too."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        # The gate may change it.
        method = scope["method"]
        arrived = time.monotonic()

        def on_begin() -> None:
            if not _waits(scope):
                self._metrics.began(_route(scope), time.monotonic() - arrived)

        try:
            await self._app(scope, receive, noting_status(scope, send, on_begin))
        finally:
            self._metrics.answered(method, _route(scope), status_of(scope))


def _route(scope: Scope) -> str:
    """The template of the path, which the application has found by the time it answers."""
    return scope.get("path_template") or NO_ROUTE


def _waits(scope: Scope) -> bool:
    """Whether the request may be a long poll."""
    return b"wait=" in scope["query_string"]
