"""At most a little more than a mebibyte of an answer is read."""

import asyncio
import gzip
import tracemalloc
from contextlib import suppress

import pytest

from tests.api.clients import parts
from tests.api.servers import Talk, answering, raw
from worker.api.session import post
from worker.core.answers.reply import MAX_BODY, NoReply, Reply

MEBIBYTE = 1 << 20


def head(*lines: str, status: int = 200) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status} Made up", *lines, "", "")).encode()


def endless(opening: bytes, piece: bytes, stopped: asyncio.Event) -> Talk:
    """Writes pieces until the client has left."""

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(opening)
            while True:
                writer.write(piece)
                await writer.drain()
        stopped.set()

    return talk


async def asked(url: str) -> Reply | NoReply:
    async with parts(url) as mine:
        return await post(mine.session, "/", b"{}", {})


@pytest.mark.parametrize("status", [200, 500])
async def test_a_body_of_just_the_bound_is_read_whole(status: int) -> None:
    body = b"x" * MAX_BODY
    async with raw(answering(head(f"Content-Length: {len(body)}", status=status) + body)) as url:
        reply = await asked(url)
    assert isinstance(reply, Reply)
    assert reply.body == body


async def test_a_body_of_one_byte_more_is_no_answer() -> None:
    body = b"x" * (MAX_BODY + 1)
    async with raw(answering(head(f"Content-Length: {len(body)}") + body)) as url:
        assert await asked(url) == too_large()


async def test_an_endless_body_of_declared_length_is_left() -> None:
    stopped = asyncio.Event()
    opening = head(f"Content-Length: {1 << 40}")
    async with raw(endless(opening, b"x" * 65536, stopped)) as url:
        assert await asked(url) == too_large()
        await stopped.wait()


async def test_an_endless_chunked_body_is_left() -> None:
    stopped = asyncio.Event()
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    async with raw(endless(head("Transfer-Encoding: chunked"), piece, stopped)) as url:
        assert await asked(url) == too_large()
        await stopped.wait()


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_an_endless_error_still_has_its_status(status: int) -> None:
    stopped = asyncio.Event()
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    async with raw(endless(head("Transfer-Encoding: chunked", status=status), piece, stopped)) as url:
        reply = await asked(url)
        await stopped.wait()
    assert isinstance(reply, Reply)
    assert reply.status == status
    assert len(reply.body) <= MAX_BODY


async def test_a_small_body_that_unpacks_to_a_large_one_is_no_answer_and_takes_little_memory() -> None:
    bomb = gzip.compress(bytes(256 * MEBIBYTE), compresslevel=6)
    assert len(bomb) < MAX_BODY
    answer = head("Content-Encoding: gzip", f"Content-Length: {len(bomb)}") + bomb
    async with raw(answering(answer)) as url:
        tracemalloc.start()
        try:
            reply = await asked(url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert isinstance(reply, NoReply)
    assert reply.sent
    assert peak < 64 * MEBIBYTE


async def test_a_compressed_answer_of_honest_size_is_read() -> None:
    body = gzip.compress(b'{"successes": ["one"]}')
    async with raw(answering(head("Content-Encoding: gzip", f"Content-Length: {len(body)}") + body)) as url:
        reply = await asked(url)
    assert isinstance(reply, Reply)
    assert reply.body == b'{"successes": ["one"]}'


def too_large() -> NoReply:
    return NoReply("ANSWER_TOO_LARGE", f"the answer exceeds {MAX_BODY} bytes", sent=True)
