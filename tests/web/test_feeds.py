"""What those who watch a job see where it cannot be read."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from producers.web.documents import Document
from producers.web.feeds import Feeds
from producers.web.stopping import Stopping
from producers.web.threads import Threads
from worker.core.job import State


async def test_a_stream_ends_where_reading_fails_in_a_way_that_nobody_foresaw() -> None:
    def report() -> Any:
        raise ZeroDivisionError

    client = SimpleNamespace(job=lambda _: SimpleNamespace(report=report))
    threads = Threads()
    feeds = Feeds(cast("Any", client), threads, Stopping())
    first = Document(b"{}", '"tag"', State.RUNNING)
    async with asyncio.timeout(30):
        assert [each async for each in feeds.changes("some-job", first, beat=3600)] == [first]
    assert feeds.streams == 0
    assert threads.close(30)
