"""The document of a job as it changes, read once for all who watch the job."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from producers.client import Client
from producers.job import Job
from producers.web.documents import Document, document_of
from producers.web.stopping import Stopping
from producers.web.threads import Threads
from worker.core.errors import BulkActivateError, NoSuchJobError

INTERVAL: Final = 0.5
"""Seconds between two readings of a job that is watched."""

_log = structlog.get_logger(__name__)


class Feed:
    """A job that is watched."""

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping
        self._changed = asyncio.Event()
        self.watchers = 0
        self.task: asyncio.Task[None] | None = None
        self.latest: Document | None = None
        self.gone = False
        """Whether the job was removed, or cannot be read for good."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes, of the job or of the server."""
        return self.gone or self._stopping.begun

    def publish(self, document: Document) -> None:
        if self.latest is None or document.etag != self.latest.etag:
            self.latest = document
            self.wake()

    def end(self) -> None:
        """Says that nothing more comes."""
        self.gone = True
        self.wake()

    def wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def differs(self, etag: str | None, seconds: float) -> Document | None:
        """The document once its tag is not `etag`; None after `seconds`, or once job or server are gone."""
        try:
            async with self._stopping.within(seconds):
                while self.latest is None or self.latest.etag == etag:
                    if self.gone:
                        return None
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self.latest


class Feeds:
    """A feed for each job that somebody watches."""

    def __init__(self, client: Client, threads: Threads, stopping: Stopping) -> None:
        self._client = client
        self._threads = threads
        self._stopping = stopping
        self._feeds: dict[str, Feed] = {}
        self.streams = 0
        """Event streams that are open."""

    async def read(self, job: Job) -> Document:
        return await self._threads.quick.run(lambda: document_of(job.report()))

    @contextmanager
    def watching(self, job_id: str) -> Iterator[Feed]:
        """The feed of a job, which is read as long as somebody is in the block."""
        feed = self._feeds.get(job_id)
        if feed is None:
            feed = self._feeds[job_id] = Feed(self._stopping)
            feed.task = asyncio.create_task(self._follow(job_id, feed))
        feed.watchers += 1
        try:
            yield feed
        finally:
            feed.watchers -= 1
            if not feed.watchers:
                del self._feeds[job_id]
                if feed.task is not None:
                    feed.task.cancel()

    async def _follow(self, job_id: str, feed: Feed) -> None:
        try:
            await self._read_until_it_rests(job_id, feed)
        except NoSuchJobError:
            feed.end()
        except Exception as error:  # noqa: BLE001 -- whatever it is.
            # A stream that went on without a word would look like a job at which nothing moves.
            _log.error("a job that is watched cannot be read", job_id=job_id, exc_info=error)
            feed.end()

    async def _read_until_it_rests(self, job_id: str, feed: Feed) -> None:
        job = self._client.job(job_id)
        failure: str | None = None
        while True:
            try:
                feed.publish(await self.read(job))
                failure = None
            except NoSuchJobError:
                raise
            except BulkActivateError as error:
                # Those who watch wait until it is over.
                if failure != (failure := type(error).__name__):
                    _log.warning("a job that is watched cannot be read", job_id=job_id, why=failure)
            if feed.latest is not None and feed.latest.rests:
                return
            await asyncio.sleep(INTERVAL)

    async def changes(self, job_id: str, first: Document, beat: float) -> AsyncIterator[Document | None]:
        """Yields `first`, then each new document until the job rests; None after `beat` seconds without one.

        Ends early with the job's record, and with the server.
        """
        self.streams += 1
        try:
            document = first
            yield document
            with self.watching(job_id) as feed:
                while not (document.rests or feed.is_over):
                    found = await feed.differs(document.etag, beat)
                    if found is not None:
                        document = found
                    if found is not None or not feed.is_over:
                        yield found
        finally:
            self.streams -= 1
