"""A stand-in for the API whose only business is its rate limit: `python -m tests.limits.limited_api ...`.

Unlike `worker/simulator` it knows no tokens and remembers no id: every id that it is sent is a success,
and any API token is good. So a request costs it some tens of microseconds, and what is measured is the
client. Once it can be used it prints a line of JSON with its `url`, and it ends with its standard input.

    POST /csp/.../authorize   an access token of 1799 s, not limited
    POST /csp/.../activate    the ids as successes, or 429
    GET  /count               how many were admitted, cheap enough to be asked all the time
    GET  /stats               what `arrivals.Summary` holds, and the CPU time spent
    GET  /arrivals            all that came: {"at": [...], "status": [...], "held_for": [...]}
    POST /control             {"rate": ..., "latency": ...}, either or both; a rate ends the schedule

Weakness: a request's time is that at which this process reads it, so where the machine has no core free
for it, arrivals look more bunched than they were.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import msgspec

from tests.limits.arrivals import Record
from tests.limits.headers import rate_limit_headers, retry_after
from tests.limits.limiters import Limiter
from tests.limits.options import make_limiter, read_options
from tests.limits.wire import Answer, BadRequestError, Connection, Request, response
from worker.process.lifeline import end_with_parent

ACCESS_TOKEN_SECONDS: Final = 1799
_BACKLOG: Final = 1024


class _Activate(msgspec.Struct):
    ids: msgspec.Raw


class _Control(msgspec.Struct, forbid_unknown_fields=True):
    rate: float | None = None
    latency: float | None = None


_GRANT: Final = response(
    HTTPStatus.OK,
    msgspec.json.encode(
        {"access_token": "an-access-token", "expires_in": ACCESS_TOKEN_SECONDS, "token_type": "bearer"}
    ),
)
_TOO_MANY: Final = msgspec.json.encode({"message": "too many requests", "statusCode": 429})
_read_activate: Final = msgspec.json.Decoder(_Activate).decode
_read_control: Final = msgspec.json.Decoder(_Control).decode


class LimitedApi:
    """Answers requests; `now` is a monotonic clock. `latency` is in seconds, of each activate answer."""

    def __init__(
        self, limiter: Limiter, now: Callable[[], float], *, latency: float, retry_after: str, headers: str
    ) -> None:
        self._limiter = limiter
        self._now = now
        self._latency = latency
        self._retry_after = retry_after
        self._headers = headers
        self._record = Record()

    def serve(self, request: Request) -> Answer:
        path = request.path
        if path.endswith(b"/activate"):
            return self._activate(request.body)
        if path.endswith(b"/authorize"):
            return Answer(_GRANT)
        if path == b"/count":
            return _json(self._record.admitted)
        if path == b"/stats":
            return _json(self._record.summary() | {"cpu_seconds": time.process_time()})
        if path == b"/arrivals":
            return _json(self._record.columns())
        if path == b"/control":
            return self._control(request.body)
        return Answer(response(HTTPStatus.NOT_FOUND, b"{}"))

    def _activate(self, body: bytes) -> Answer:
        now = self._now()
        try:
            ids = _read_activate(body).ids
        except msgspec.DecodeError:
            raise BadRequestError("an activate call without ids") from None
        wait = self._limiter.admit(now)
        advice = rate_limit_headers(self._headers, self._limiter, now)
        if not wait:
            self._record.note(now, HTTPStatus.OK)
            return Answer(response(HTTPStatus.OK, b'{"successes":%b}' % bytes(ids), advice), self._latency)
        self._record.note(now, HTTPStatus.TOO_MANY_REQUESTS)
        header, seconds = retry_after(self._retry_after, wait)
        self._record.announce(now, self._latency, seconds)
        return Answer(response(HTTPStatus.TOO_MANY_REQUESTS, _TOO_MANY, header + advice), self._latency)

    def _control(self, body: bytes) -> Answer:
        try:
            order = _read_control(body)
        except msgspec.DecodeError as error:
            return _json({"message": str(error)}, HTTPStatus.BAD_REQUEST)
        if order.rate is not None:
            self._limiter.rate = order.rate
        if order.latency is not None:
            self._latency = order.latency
        return _json({})


def _json(value: Any, status: int = HTTPStatus.OK) -> Answer:
    return Answer(response(status, msgspec.json.encode(value)))


async def main(given: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    api = LimitedApi(
        make_limiter(given, loop.time()),
        loop.time,
        latency=given.latency,
        retry_after=given.retry_after,
        headers=given.headers,
    )
    server = await loop.create_server(
        lambda: Connection(api.serve), "127.0.0.1", given.port, backlog=_BACKLOG
    )
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(msgspec.json.encode({"url": f"http://127.0.0.1:{port}"}).decode() + "\n")
    sys.stdout.flush()
    end_with_parent()
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main(read_options(sys.argv[1:])))
