"""Lists that are kept between two forms, and the reader of the form."""

import asyncio
import tempfile
from io import BytesIO
from typing import IO

import pytest

from producers.reading import InputOptions, Source
from producers.submission.planned import make_plan
from producers.web.keys import Key, Role
from producers.web.page.held import MAX_HELD, FormList, HeldLists
from producers.web.page.multipart_form import FormReader
from producers.web.problems import ProblemError
from producers.web.sessions import Session
from tests.e2e.stack import ORG
from worker.core.rate.rate_config import RateConfig

KEY = Key("one", Role.OPERATOR, b"1")
with Source.of_ids(["id"]) as _source:
    PLAN = make_plan(_source, InputOptions(format="lines"), RateConfig(None, start=10, maximum=100))
BODY = (
    b'--b\r\nContent-Disposition: form-data; name="column"\r\n\r\n token \r\n'
    b'--b\r\nContent-Disposition: form-data; name="list"; filename="C:\\\\lists\\\\ids.CSV.gz.GZ"\r\n'
    b"Content-Type: text/csv\r\n\r\nid\r\n\r\n--not-b\r\n--b--\r\n"
)


def form_list(size: int) -> FormList:
    file = tempfile.TemporaryFile()  # noqa: SIM115 -- who holds it closes it.
    file.write(b"x" * size)
    file.flush()
    return FormList("ids.txt", file, ORG, "")


def hold(held: HeldLists, session: Session, size: int = 1, most: int = 10**6) -> str:
    return held.hold(session, form_list(size), PLAN, most)


async def test_lists_are_bounded_in_number_and_bytes_over_all_sessions() -> None:
    held = HeldLists()
    sessions = [Session(KEY.digest, 0) for _ in range(MAX_HELD)]
    first = hold(held, sessions[0], 100)
    for session in sessions[1:]:
        hold(held, session)
    assert held.find(sessions[0], first) is not None
    last = hold(held, sessions[-1])
    assert held.find(sessions[0], first) is None
    big = hold(held, sessions[1], 500, most=501)
    assert held.bytes <= 501
    assert held.find(sessions[1], big) is not None
    for session in sessions:
        session.belongings.close()
    assert held.find(sessions[-1], last) is None


async def test_a_list_is_dropped_after_its_time() -> None:
    held, session = HeldLists(life=0.0), Session(KEY.digest, 0)
    name = hold(held, session)
    kept = held.find(session, name)
    assert kept is not None
    dropped = asyncio.Event()
    asyncio.get_running_loop().call_later(0, dropped.set)
    await dropped.wait()
    assert held.find(session, name) is None
    assert kept.list.file.closed


def read(body: bytes, size: int, file: IO[bytes]) -> FormReader:
    """The form, fed in pieces of `size` bytes."""
    form = FormReader("multipart/form-data; boundary=b", file, 100)
    for at in range(0, len(body), size):
        form.write(body[at : at + size])
    form.finish()
    return form


@pytest.mark.parametrize("size", [1, 7, len(BODY)])
def test_a_form_is_read_in_pieces_of_any_size(size: int) -> None:
    with tempfile.TemporaryFile() as file:
        form = read(BODY.replace(b".gz.GZ", b""), size, file)
        file.seek(0)
        assert file.read() == b"id\r\n\r\n--not-b"
        assert (form.fields, form.file_name) == ({"column": "token"}, "ids.CSV")
        # By its name it is packed, and it is not.
        with pytest.raises(ProblemError, match="no gzip"):
            read(BODY, size, file)


def test_a_form_that_is_cut_short_is_refused() -> None:
    form = FormReader("multipart/form-data; boundary=b", BytesIO(), 100)
    form.write(BODY[:60])
    with pytest.raises(ProblemError):
        form.finish()
