"""Each row of the table in `worker/core/answers/answer.py`, from bytes on the wire to what the ids become."""

import asyncio
import gzip
import json
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.api.clients import ORG, parts
from tests.api.servers import Talk, answering, raw
from tests.core.made import IDS, a_batch, ok
from tests.servers import free_port
from worker.core.answers import answer as documented
from worker.core.answers.answer import classify
from worker.core.answers.reply import MAX_BODY
from worker.core.retrying.action import Action, Halt, Hold, Renew
from worker.core.retrying.policy import Policy, decide

A, B, C = SENT = IDS[:3]
DOUBT = "Retry ???"
ROWS = re.findall(
    r"^(\S.*?) {2,}(?:its )?([\w']+) {2,}\S", str(documented.__doc__).split("---\n")[1], re.MULTILINE
)


def http(body: bytes, *headers: str, status: int = 200) -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status} Made up", f"Content-Length: {len(body)}", *headers, "", ""))
    return head.encode() + body


def zipped(body: bytes) -> bytes:
    return http(gzip.compress(body), "Content-Encoding: gzip")


def chunks(body: bytes) -> bytes:
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    return b"HTTP/1.1 200 Made up\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def never(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def dripping(answer: bytes, *, to_its_end: bool) -> Talk:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(len(answer) if to_its_end else len(answer) - 1):
            writer.write(answer[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)
        if not to_its_end:
            await asyncio.Event().wait()

    return talk


@dataclass(frozen=True)
class Case:
    row: str
    form: str
    talk: Talk | None
    """None: nobody listens."""
    becomes: str
    """The step and, where the record gets to know something, the outcomes of the three ids."""


def said(row: str, form: str, successes: Any, failures: Any, becomes: str) -> Case:
    return Case(row, form, answering(http(ok(successes, failures))), becomes)


def sent(row: str, form: str, answer: bytes, becomes: str) -> Case:
    return Case(row, form, answering(answer), becomes)


ALL = ok(SENT)
CASES = [
    said("200, each id in one list", "", [A, C], [(B, "gone")], "Settle AFA"),
    said("200, each id in one list", "in another order", [C, B, A], [], "Settle AAA"),
    said("200, a list null or missing", "no failures", SENT, None, "Settle AAA"),
    said("200, a list null or missing", "no successes", None, [(i, "gone") for i in SENT], "Settle FFF"),
    sent("200, a list null or missing", "neither", http(b"{}"), DOUBT),
    said("200, `failures` says 'already active'", "", [A, B], [(C, "Token is already active")], "Settle AAa"),
    said("200, an id in both lists", "", SENT, [(B, "gone")], "Settle AUA"),
    said("200, an id in neither list", "", [A, C], [], "Retry A?A"),
    said("200, an id twice in one list", "successes", [A, B, B, C], [], "Settle AAA"),
    said("200, an id twice in one list", "failures", [A, B], [(C, "gone"), (C, "x")], "Settle AAF"),
    said("200, ids that were never sent", "", [*SENT, "x"], [("y", "gone")], "Settle AAA"),
    sent(
        "200, compressed or in chunks",
        "gzip",
        http(gzip.compress(ALL), "Content-Encoding: gzip"),
        "Settle AAA",
    ),
    sent("200, compressed or in chunks", "chunks", chunks(ALL), "Settle AAA"),
    said("200, an id in other case or spaced", "", [A.upper(), f" {B}", C], [], "Settle AAA"),
    said("200, an odd entry in a list", "a number for a message", [A, C], [(B, 404)], "Settle AFA"),
    said("200, an odd entry in a list", "null for an id", [A, None, B, C], [], "Settle AAA"),
    said("200, an odd entry in a list", "objects", [{"id": name} for name in SENT], [], "Settle AAA"),
    said("200, an odd entry in a list", "a number for an id", [A, 7, C], [], "Retry A?A"),
    sent("200, odd bytes, a mark or a charset", "a mark", http(b"\xef\xbb\xbf" + ALL), "Settle AAA"),
    sent("200, odd bytes, a mark or a charset", "odd bytes", http(ALL[:-1] + b',"x":"\xff"}'), "Settle AAA"),
    sent(
        "200, odd bytes, a mark or a charset",
        "a charset",
        http(ALL.decode().encode("utf-16-le"), "Content-Type: application/json; charset=utf-16le"),
        "Settle AAA",
    ),
    sent("200, each id in one list", "a header of 9 kB", http(ALL, "X-A: " + "x" * 9000), "Settle AAA"),
    sent(
        "200, each id in one list", "200 headers", http(ALL, *(f"X-{n}: y" for n in range(200))), "Settle AAA"
    ),
    *(
        sent("200, an error document", named, http(b'{"statusCode":%b,"message":"x"}' % named.encode()), step)
        for named, step in (
            ("400", "Split"),
            ("401", "Retry"),
            ("403", "Halt organization_forbidden"),
            ("429", "Hold"),
            ("503", DOUBT),
        )
    ),
    Case("200, dripping but in time", "", dripping(http(ALL), to_its_end=True), "Settle AAA"),
    Case("200, dripping past the time-out", "", dripping(http(ALL), to_its_end=False), DOUBT),
    sent("200, no JSON", "empty", http(b""), DOUBT),
    sent("200, no JSON", "HTML", http(b"<html>OK</html>"), DOUBT),
    sent("200, no JSON", "broken gzip", http(b"no gzip", "Content-Encoding: gzip"), DOUBT),
    sent("200, JSON of another shape", "a list", http(json.dumps(SENT).encode()), DOUBT),
    sent("200, JSON of another shape", "without the lists", http(b'{"state":"maintenance"}'), DOUBT),
    sent("200, JSON of another shape", "without a status", http(b'{"statusCode":7,"message":"x"}'), DOUBT),
    sent("200, cut short", "by its length", http(ALL)[:-5], DOUBT),
    sent("200, cut short", "in a chunk", chunks(ALL)[:-12], DOUBT),
    sent("200, cut short", "as JSON", http(ALL[:-5]), DOUBT),
    sent("200, too large", "", http(ALL + b" " * MAX_BODY), DOUBT),
    sent("other 1xx or 2xx", "202", http(ALL, status=202), DOUBT),
    sent("other 1xx or 2xx", "204", b"HTTP/1.1 204 Made up\r\n\r\n", DOUBT),
    sent("401, a JSON object", "", http(b"{}", status=401), "Retry"),
    sent("403, a JSON object", "", http(b"{}", status=403), "Halt organization_forbidden"),
    sent("404, a JSON object", "", http(b"\xef\xbb\xbf{}", status=404), "Halt organization_not_found"),
    sent("409, a JSON object", "", http(b"{}", status=409), "Retry"),
    sent("429", "", http(b"{}", status=429), "Hold"),
    sent("429", "HTML", http(b"<html>", status=429), "Hold"),
    *(
        sent("any other 4xx, a JSON object", str(status), http(b"{}", status=status), "Split")
        for status in (400, 408, 413, 415, 422)
    ),
    *(
        sent("4xx, no JSON object", f"{status} {body!r}", http(body, status=status), "Retry")
        for status in (400, 403, 404, 409, 413, 451)
        for body in (b"", b"<html>", b"no", b"[]")
    ),
    sent("4xx, no JSON object", "401", http(b"<html>", status=401), "Renew"),
    *(
        sent("3xx, 405, 406, 407 or 511", f"{status} {body!r}", http(body, location, status=status), "Retry")
        for status in (301, 302, 303, 307, 308, 405, 406, 407, 511)
        for body in (b"", b"<html>", b"{}")
        for location in ("Location: http://127.0.0.1:1/elsewhere",)
    ),
    *(
        sent("any other 5xx", f"{status} {body!r}", http(body, status=status), DOUBT)
        for status in (500, 502, 503, 504)
        for body in (b"", b"<html>", b"{}")
    ),
    Case("no answer in time", "", never, DOUBT),
    sent("no HTTP", "another protocol", b"220 mail.test ESMTP\r\n\r\n", DOUBT),
    sent("no HTTP", "a header past all bounds", http(ALL, "X-A: " + "x" * 99_999), DOUBT),
    sent("connection closed or reset", "closed", b"", DOUBT),
    Case("connection closed or reset", "reset", reset, DOUBT),
    sent("connection closed or reset", "in the headers", http(ALL)[:20], DOUBT),
    Case("no connection", "", None, "Retry"),
]


def outcome(step: Action) -> str:
    name = type(step).__name__
    if isinstance(step, Halt):
        return f"{name} {step.code}"
    if isinstance(step, Hold | Renew) or step.settlement is None:
        return name
    return f"{name} {step.settlement.codes}"


@asynccontextmanager
async def server(talk: Talk | None) -> AsyncIterator[str]:
    if talk is not None:
        async with raw(talk) as url:
            yield url
        return
    yield f"http://127.0.0.1:{free_port()}"


def test_the_table_and_these_cases_have_the_same_rows() -> None:
    assert {case.row for case in CASES} == {row for row, _ in ROWS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.row} {case.form}".strip())
async def test_every_row_of_the_table_holds(case: Case) -> None:
    patience = 0.3 if case.row in {"no answer in time", "200, dripping past the time-out"} else 30
    async with (
        server(case.talk) as url,
        parts(url, access_token="given", request_timeout=patience) as mine,
    ):
        reply = await mine.client.activate(ORG, SENT)
    verdict = classify(reply, SENT, 0.0)
    named = dict(ROWS)[case.row]
    assert type(verdict).__name__ == named or named == "status's"
    assert outcome(decide(Policy(), verdict, a_batch(3), 0.0)) == case.becomes
