"""structlog to stderr: one JSON object a line, or readable lines where stderr is a terminal.

No local variable is ever printed with a traceback: it could be a secret.
"""

import io
import logging
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog

from worker import log_context
from worker.core.visible import visible
from worker.settings import Settings


def _add_context(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # Before what else is bound: a sender has inherited that of whoever started it.
    return {**log_context.current(), **event}


def _make_visible(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """For a terminal: what the API or a list says may not move its cursor."""
    return {name: visible(value) if isinstance(value, str) else value for name, value in event.items()}


def _plain_traceback(stream: TextIO, found: structlog.typing.ExcInfo) -> None:
    lines = io.StringIO()
    structlog.dev.plain_traceback(lines, found)
    stream.write("\n".join(map(visible, lines.getvalue().split("\n"))))


def as_json(settings: Settings) -> bool:
    return settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())


def configure(settings: Settings) -> None:
    """Sends our events, and those of the libraries, to stderr in one form."""
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
        # A line when a message comes and one when it is done say less than our own line per slice.
        for name in ("celery.worker.strategy", "celery.app.trace"):
            logging.getLogger(name).setLevel(logging.WARNING)
    # What libraries warn of is no line of its own.
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())


def log_uncaught() -> None:
    """Has what ends this process, or a thread of it, told as an event, and not in lines of a traceback."""

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
