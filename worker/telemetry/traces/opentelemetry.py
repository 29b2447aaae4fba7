"""Tracing by OpenTelemetry's SDK, which sends spans as OTLP over HTTP.

The SDK's own variables apply too: OTEL_TRACES_SAMPLER to keep a share of the traces,
OTEL_EXPORTER_OTLP_HEADERS for a collector that requires a key.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from requests.adapters import HTTPAdapter

from worker.core.answers.reply import NoReply, Reply
from worker.telemetry import log_context
from worker.telemetry.traces.interface import TRACEPARENT, ActivationApi, Service

_EXPORT_TIMEOUT: Final = 3.0
"""Seconds that the collector has to accept a batch of spans."""

_propagator: Final = TraceContextTextMapPropagator()


class _RedactingAdapter(HTTPAdapter):  # type: ignore[misc]  # The library has no types.
    """Replaces network errors by their types: messages of the library quote the URL, perhaps with a key."""

    def send(self, request: requests.PreparedRequest, *given: Any, **more: Any) -> requests.Response:
        try:
            return super().send(request, *given, **more)
        except requests.RequestException as error:
            kind = type(error).__name__
            raise requests.ConnectionError(f"the collector was not reached ({kind})") from None


def _session() -> requests.Session:
    # At level debug it logs the whole URL of each request.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _RedactingAdapter())
    return session


class OpenTelemetry:
    """Tracing to the collector at `url`, such as http://127.0.0.1:4318/v1/traces."""

    def __init__(self, url: str, service: Service) -> None:
        # No global provider: a program that embeds this one may have set up its own.
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service}), shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(endpoint=url, timeout=_EXPORT_TIMEOUT, session=_session())
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("worker")
        self._slices: dict[tuple[str, int], list[Context]] = {}
        """Open spans per slice, oldest first. A second message for a slice finds it claimed, so only the
        first span is the parent of its requests."""
        self._slices_lock = threading.Lock()

    @contextmanager
    def request_span(self, method: str, traceparent: str | None) -> Iterator["_RequestSpan"]:
        with self._tracer.start_as_current_span(
            method,
            _context_of(traceparent),
            SpanKind.SERVER,
            {"http.request.method": method},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield _RequestSpan(span, method)

    @contextmanager
    def submission_span(self) -> Iterator[str]:
        with self._tracer.start_as_current_span(
            "submit", kind=SpanKind.PRODUCER, record_exception=False, set_status_on_exception=False
        ) as span:
            carrier: dict[str, str] = {}
            _propagator.inject(carrier, set_span_in_context(span))
            yield carrier[TRACEPARENT]

    @contextmanager
    def slice_span(self, traceparent: str | None, job_id: str, slice_no: int, size: int) -> Iterator[None]:
        attributes: dict[str, str | int] = {"job_id": job_id, "slice": slice_no, "size": size}
        span = self._tracer.start_span("slice", _context_of(traceparent), SpanKind.CONSUMER, attributes)
        own = set_span_in_context(span, Context())
        with self._slices_lock:
            self._slices.setdefault((job_id, slice_no), []).append(own)
        try:
            yield
        except Exception as error:
            # Its text may contain a secret; its type does not.
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            with self._slices_lock:
                self._slices[job_id, slice_no].remove(own)
                if not self._slices[job_id, slice_no]:
                    del self._slices[job_id, slice_no]
            span.end()

    def with_spans(self, api: ActivationApi) -> ActivationApi:
        return _TracedApi(api, self._tracer, self._slices)

    def close(self) -> None:
        self._provider.shutdown()


def _context_of(traceparent: str | None) -> Context:
    return _propagator.extract({TRACEPARENT: traceparent} if traceparent else {}, Context())


class _RequestSpan:
    """Names and attributes by OpenTelemetry's conventions for HTTP servers."""

    def __init__(self, span: Span, method: str) -> None:
        self._span = span
        self._method = method

    def answered(self, route: str | None, status: int) -> None:
        if route is not None:
            self._span.update_name(f"{self._method} {route}")
            self._span.set_attribute("http.route", route)
        if status:
            self._span.set_attribute("http.response.status_code", status)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._span.set_status(StatusCode.ERROR)


class _TracedApi:
    def __init__(
        self, api: ActivationApi, tracer: Tracer, slices: dict[tuple[str, int], list[Context]]
    ) -> None:
        self._api = api
        self._tracer = tracer
        self._slices = slices

    async def ready(self, org_id: str) -> NoReply | None:
        return await self._api.ready(org_id)

    def is_ready(self, org_id: str) -> bool:
        return self._api.is_ready(org_id)

    async def activate(self, org_id: str, ids: tuple[str, ...]) -> Reply | NoReply:
        # A sender serves many slices in turn, so its own tracing context belongs to none of them.
        context = log_context.current()
        parent = next(iter(self._slices.get((context["job_id"], context["slice"]), ())), Context())
        span = self._tracer.start_span("activate", parent, SpanKind.CLIENT, {**context, "ids": len(ids)})
        try:
            reply = await self._api.activate(org_id, ids)
            _set_status(span, reply)
            return reply
        finally:
            span.end()


def _set_status(span: Span, reply: Reply | NoReply) -> None:
    if isinstance(reply, NoReply):
        span.set_status(StatusCode.ERROR, reply.name)
        return
    span.set_attribute("http.response.status_code", reply.status)
    if reply.status >= 400:  # noqa: PLR2004 -- OpenTelemetry's convention for clients.
        span.set_status(StatusCode.ERROR)
