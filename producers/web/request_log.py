"""A line of the log for each request that was admitted."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

import structlog

from producers.web.admission import ASSETS, PROBES
from producers.web.browsers import field_of
from producers.web.keys import Key
from producers.web.sent import status_of

_LIVE: Final = re.compile(r"/(?:jobs/[0-9A-Za-z_-]+)?")
"""The pages that their script reads anew."""

_log = structlog.get_logger(__name__)


@contextmanager
def logged(scope: Any, key: Key | None) -> Iterator[None]:
    """Logs the request that is answered within the block; where nobody need see it, at the level `debug`."""
    started = time.monotonic()
    try:
        yield
    finally:
        status = status_of(scope)
        # Of keys that are tried at the form, a line now and then says how many.
        log = _log.debug if _is_routine(scope) or status == HTTPStatus.UNAUTHORIZED else _log.info
        log(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=status,
            seconds=round(time.monotonic() - started, 4),
            key=None if key is None else key.name,
        )


def _is_routine(scope: Any) -> bool:
    """Whether nobody asked for it: a probe, a file of a page, or what the page's script reads anew."""
    path = scope["path"]
    is_reading = scope["method"] == "GET" and _LIVE.fullmatch(path) is not None
    by_script = field_of(scope, b"sec-fetch-dest") == b"empty"
    return path in PROBES or path.startswith(ASSETS) or (is_reading and by_script)
