"""Answers that the HTTP library rejects are described without quoting them."""

import pytest

from tests.api.clients import ORG, parts
from tests.api.servers import answering, raw
from worker.core.answers.reply import NoReply

SECRET = "a-secret-that-was-echoed"
BODY = b'{"successes":["a"]}'


def answer(*lines: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join((status, f"Content-Length: {len(BODY)}", *lines, "", "")).encode() + BODY


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        pytest.param(answer("X-A: " + SECRET * 2000), "Got more than 16384 bytes", id="too long a header"),
        pytest.param(answer(*(f"X-{n}: {SECRET}" for n in range(500))), "Too many headers", id="too many"),
        pytest.param(answer(f"X-A: \0{SECRET}"), "Invalid", id="a control character in a header"),
        pytest.param(answer(status=f"220 {SECRET} ESMTP"), "Bad status line", id="another protocol"),
        pytest.param(answer("Content-Encoding: gzip"), "Can not decode content-encoding", id="no gzip"),
    ],
)
async def test_why_an_answer_is_refused_is_told(sent: bytes, told: str) -> None:
    async with raw(answering(sent)) as url, parts(url, access_token="given") as mine:
        reply = await mine.client.activate(ORG, ("a",))
    assert isinstance(reply, NoReply)
    assert reply.message.startswith("the answer cannot be read: ")
    assert told in reply.message
    assert SECRET[:8] not in reply.message
