"""HTTP as the stand-in reads and writes it, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.limits.wire import Answer, BadRequestError, Connection, Request, response, take

ONE = b"POST /one HTTP/1.1\r\nHost: x\r\ncontent-LENGTH:  3\r\n\r\nabc"
TWO = b"GET /two HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def echo(request: Request) -> Answer:
    delay = 0.02 if request.path == b"/one" else 0.0
    return Answer(response(200, request.path + b" " + request.body), delay)


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(echo), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        await server.wait_closed()


def bodies(answers: bytes) -> list[bytes]:
    return [part.split(b"\r\n\r\n", 1)[1] for part in answers.split(b"HTTP/1.1 200 OK\r\n")[1:]]


async def test_requests_that_come_at_once_are_answered_in_their_order_whatever_each_takes() -> None:
    async with connected() as (reader, writer):
        writer.write(ONE + TWO + ONE + TWO + LAST)
        assert bodies(await reader.read()) == [b"/one abc", b"/two ", b"/one abc", b"/two ", b"/last "]


async def test_a_request_that_cannot_be_read_is_refused_and_is_the_last() -> None:
    async with connected() as (reader, writer):
        writer.write(TWO + b"nonsense\r\n\r\n" + TWO)
        answers = await reader.read()
    assert bodies(answers.split(b"HTTP/1.1 400")[0]) == [b"/two "]
    assert answers.count(b"HTTP/1.1 ") == 2


@given(st.lists(st.sampled_from([ONE, TWO, LAST]), max_size=5), st.lists(st.integers(1, 40)))
def test_requests_are_the_same_in_whatever_pieces_they_come(requests: list[bytes], cuts: list[int]) -> None:
    data = b"".join(requests)
    buffer = bytearray()
    found: list[Request] = []
    for cut in [*cuts, len(data)]:
        buffer += data[:cut]
        data = data[cut:]
        while (request := take(buffer)) is not None:
            found.append(request)
    assert [request.path for request in found] == [request.split(b" ")[1] for request in requests]
    assert [request.body for request in found] == [request.split(b"\r\n\r\n")[1] for request in requests]
    assert not buffer


@pytest.mark.parametrize(
    "data",
    [b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"x" * 70_000],
    ids=["no request line", "chunked", "an endless head"],
)
def test_what_is_not_understood_is_said_so(data: bytes) -> None:
    with pytest.raises(BadRequestError):
        take(bytearray(data))


@pytest.mark.parametrize(
    ("data", "close"),
    [(TWO, False), (LAST, True), (TWO.replace(b"1.1", b"1.0"), True)],
    ids=["1.1", "told", "1.0"],
)
def test_a_connection_is_kept_unless_the_client_wants_it_closed(data: bytes, close: bool) -> None:
    request = take(bytearray(data))
    assert request is not None
    assert request.close is close
