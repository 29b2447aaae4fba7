"""A span for each request with a key, if TRACES_URL is set; what the request does is within it."""

from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from producers.web.sent import status_of
from worker.telemetry.traces.interface import TRACEPARENT, Tracing

_TRACEPARENT: Final = TRACEPARENT.encode()


def traced(app: ASGIApp, tracing: Tracing | None) -> ASGIApp:
    """The application with a span for each request, where there is tracing."""
    return app if tracing is None else _Traced(app, tracing)


class _Traced:
    """Stands behind `Gate`: strangers fill no collector, and choose no trace."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope.get("user") is None:
            await self._app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == _TRACEPARENT]
        traceparent = given[0].decode("latin-1") if len(given) == 1 else None
        with self._tracing.request_span(scope["method"], traceparent) as span:
            try:
                await self._app(scope, receive, send)
            finally:
                span.answered(scope.get("path_template"), status_of(scope))
