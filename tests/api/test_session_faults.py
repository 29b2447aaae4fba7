"""Faults of the network become `NoReply`; none raises."""

import asyncio
import socket
import struct
from typing import Any

import pytest

from tests.api.clients import parts
from tests.api.servers import Talk, answering, raw
from worker.api.session import post
from worker.core.answers.reply import NoReply, Reply

OPENING = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def asked(url: str, **settings: Any) -> Reply | NoReply:
    async with parts(url, **settings) as mine:
        return await post(mine.session, "/", b"{}", {})


async def forever(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # Lingering for no time makes the close a reset.
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def reset_in_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OPENING + b"Content-Length: 100\r\n\r\n{")
    await writer.drain()
    await reset(reader, writer)


async def hang_in_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OPENING + b"Content-Length: 100\r\n\r\n{")
    await writer.drain()
    await forever(reader, writer)


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte now and then: never silent for long, and never done."""
    writer.write(OPENING + b"Content-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def drip_the_head(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("talk", "name"),
    [
        pytest.param(answering(b""), "CONNECTION_CLOSED", id="closed-without-answer"),
        pytest.param(answering(b"HTTP/1.1 200 OK\r\nConte"), "CONNECTION_CLOSED", id="closed-in-the-head"),
        pytest.param(reset, "CONNECTION_RESET", id="reset"),
        pytest.param(
            answering(OPENING + b"Content-Length: 100\r\n\r\n{"), "ANSWER_CUT_SHORT", id="truncated"
        ),
        pytest.param(
            answering(OPENING + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"),
            "ANSWER_CUT_SHORT",
            id="cut-in-a-chunk",
        ),
        pytest.param(
            answering(OPENING + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
            "BAD_ANSWER",
            id="no-chunk",
        ),
        pytest.param(
            answering(OPENING + b"Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip"),
            "ANSWER_CUT_SHORT",
            id="not-gzip",
        ),
        pytest.param(answering(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), "BAD_ANSWER", id="another-protocol"),
        pytest.param(answering(b"HTTP/1.1 nonsense OK\r\n\r\n"), "BAD_ANSWER", id="no-status"),
        pytest.param(
            answering(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
            "BAD_ANSWER",
            id="long-header",
        ),
    ],
)
async def test_a_broken_answer_is_one_that_may_have_been_acted_upon(talk: Talk, name: str) -> None:
    async with raw(talk) as url:
        reply = await asked(url)
    assert isinstance(reply, NoReply)
    assert (reply.name, reply.sent) == (name, True)


async def test_a_reset_in_the_middle_of_the_body_is_a_lost_answer() -> None:
    async with raw(reset_in_the_body) as url:
        reply = await asked(url)
    assert isinstance(reply, NoReply)
    assert reply.name in {"ANSWER_CUT_SHORT", "CONNECTION_RESET"}
    assert reply.sent


@pytest.mark.parametrize("talk", [forever, hang_in_the_body, drip, drip_the_head])
async def test_an_answer_that_does_not_end_in_time_is_given_up(talk: Talk) -> None:
    async with raw(talk) as url:
        reply = await asked(url, request_timeout=0.2)
    assert reply == NoReply("TIMED_OUT", "no answer in time", sent=True)


async def test_a_refused_connection_sent_nothing() -> None:
    with socket.socket() as bound:
        # Bound and not listening: nobody else gets this port, and a connection to it is refused.
        bound.bind(("127.0.0.1", 0))
        reply = await asked(f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert isinstance(reply, NoReply)
    assert (reply.name, reply.sent) == ("NO_CONNECTION", False)


async def test_a_connection_that_does_not_come_about_in_time_sent_nothing() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        # Fills the queue of connections that nobody accepts: further ones are left without an answer.
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(address)
            reply = await asked(f"http://127.0.0.1:{address[1]}", connect_timeout=0.2)
        finally:
            for one in waiting:
                one.close()
    assert isinstance(reply, NoReply)
    assert (reply.name, reply.sent) == ("NO_CONNECTION", False)


async def test_a_host_that_does_not_exist_sent_nothing() -> None:
    reply = await asked("https://no-such-host.invalid")
    assert isinstance(reply, NoReply)
    assert (reply.name, reply.sent) == ("NO_CONNECTION", False)


@pytest.mark.parametrize("token", ["a\r\nX-Other: b", "a\nb", "a\x00b", "\u201cab\u201d", "a\udc80b"])
async def test_a_header_that_cannot_be_built_sent_nothing(token: str) -> None:
    async with raw(answering(b"")) as url, parts(url) as mine:
        reply = await post(mine.session, "/", b"{}", {"Authorization": f"Bearer {token}"})
    assert isinstance(reply, NoReply)
    assert (reply.name, reply.sent) == ("NO_CONNECTION", False)
    assert token not in reply.message


async def test_plain_text_is_an_answer() -> None:
    async with raw(
        answering(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nyes")
    ) as url:
        reply = await asked(url)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (200, b"yes")


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async with raw(answering(b"HTTP/1.0 200 OK\r\n\r\n{}")) as url:
        reply = await asked(url)
    assert isinstance(reply, Reply)
    assert reply.body == b"{}"


async def test_a_kept_connection_closed_meanwhile_differs_from_one_never_made() -> None:
    closed = asyncio.Event()

    async def once(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OPENING + b"Content-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()
        closed.set()

    async with raw(once) as url, parts(url) as mine:
        assert isinstance(await post(mine.session, "/", b"{}", {}), Reply)
        await closed.wait()
        second = await post(mine.session, "/", b"{}", {})
    assert isinstance(second, Reply) or second.sent
