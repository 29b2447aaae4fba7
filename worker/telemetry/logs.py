"""Configures structlog: one JSON object per line on stderr, or readable lines on a terminal.

Tracebacks never include local variables, which could be secrets.
"""

import io
import logging
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog

from worker.core.visible import visible
from worker.settings import Settings
from worker.telemetry import log_context


def _add_context(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # Put first, so that values bound by structlog win: a sender inherits the context of its creator.
    return {**log_context.current(), **event}


def _make_visible(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escapes control characters from the API or a list, which could move the cursor of a terminal."""
    return {name: visible(value) if isinstance(value, str) else value for name, value in event.items()}


def _plain_traceback(stream: TextIO, found: structlog.typing.ExcInfo) -> None:
    lines = io.StringIO()
    structlog.dev.plain_traceback(lines, found)
    stream.write("\n".join(map(visible, lines.getvalue().split("\n"))))


def as_json(settings: Settings) -> bool:
    """Whether log lines are JSON."""
    return settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())


def configure(settings: Settings) -> None:
    """Sends log lines of ours and of libraries to stderr, in one format."""
    shared: list[Any] = [
        _add_context,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    rendered: list[Any]
    if as_json(settings):
        rendered = [structlog.processors.ExceptionRenderer(frames), structlog.processors.JSONRenderer()]
    else:
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=_plain_traceback
        )
        rendered = [_make_visible, console]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            *shared[:4],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    if settings.log_level != "debug":
        # Celery's two lines per message say less than our own line per slice.
        for name in ("celery.worker.strategy", "celery.app.trace"):
            logging.getLogger(name).setLevel(logging.WARNING)
    # Warnings of libraries become log lines.
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())


def log_uncaught() -> None:
    """Logs uncaught exceptions of this process and its threads as one event instead of a traceback."""

    def log_it(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if issubclass(kind, Exception):
            found = (kind, error or kind(), trace)
            structlog.get_logger(__name__).critical("an unexpected error ended it", exc_info=found)
        else:
            sys.__excepthook__(kind, error or kind(), trace)

    sys.excepthook = log_it
    threading.excepthook = lambda hook_args: log_it(
        hook_args.exc_type, hook_args.exc_value, hook_args.exc_traceback
    )
