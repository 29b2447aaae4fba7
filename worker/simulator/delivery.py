"""Sends an answer, with the fault of the wire that it has to suffer."""

import asyncio
import gzip
import socket
import struct
from collections.abc import Iterator
from typing import Final

from aiohttp import web

from worker.simulator.answers import Answer
from worker.simulator.faults import Wire

_JSON: Final = "application/json"
_CHUNK: Final = 7
"""Bytes per chunk of a chunked answer."""

_DRIP: Final = 0.001
"""Seconds between two bytes of a dripping answer."""


async def deliver(request: web.Request, answer: Answer) -> web.StreamResponse:
    """The response for aiohttp to send; already sent if it is not sent in the usual way."""
    match answer.wire:
        case Wire.CUT:
            return await _cut(request, answer)
        case Wire.DRIP:
            return await _piecewise(request, answer, 1, _DRIP)
        case Wire.CHUNKED:
            return await _piecewise(request, answer, _CHUNK, 0)
        case Wire.GZIP:
            headers = {**answer.headers, "Content-Encoding": "gzip"}
            return web.Response(
                status=answer.status, body=gzip.compress(answer.body), headers=headers, content_type=_JSON
            )
    # Closed before the answer, which then reaches nobody.
    if answer.wire is Wire.RESET and request.transport is not None:
        _reset(request.transport)
    elif answer.wire is not Wire.ANSWER and request.transport is not None:
        request.transport.close()
    headers = {"Content-Type": answer.content_type, **answer.headers}
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def _reset(transport: asyncio.Transport) -> None:
    """Makes the system send a TCP reset, by closing a socket with a linger time of 0."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _cut(request: web.Request, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": _JSON})
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _piecewise(request: web.Request, answer: Answer, size: int, pause: float) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": _JSON})
    response.enable_chunked_encoding()
    await response.prepare(request)
    for piece in _pieces(answer.body, size):
        await response.write(piece)
        await asyncio.sleep(pause)
    await response.write_eof()
    return response


def _pieces(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]
