"""The thread of a worker process's event loop, to which Celery's threads hand their slices."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import wait
from typing import Any, Final, TypeVar

from worker.engine.engine import Engine, SendMessages
from worker.engine.slice_progress import TaskProgress
from worker.settings import Settings
from worker.telemetry.traces import Tracing

SHOW_SECONDS: Final = 2.0
MAX_SHOWN: Final = 10
"""Times that progress is shown for as many ids as a slice has: at no rate more than one message for some
twenty batches."""

T = TypeVar("T")


class Runtime:
    """One per process: a thread does not survive a fork, so it is made per pid."""

    def __init__(
        self,
        settings: Settings,
        send_messages: SendMessages,
        tracing: Tracing | None = None,
        only_job: str | None = None,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engine", daemon=True)
        self._thread.start()
        self._engine = self._call(_make(settings, send_messages, tracing, only_job))

    def run_slice(
        self,
        job_id: str,
        slice_no: int,
        show: Callable[[TaskProgress], None] = lambda _task: None,
        traceparent: str | None = None,
    ) -> TaskProgress:
        """Blocks the calling thread until the work is done or given back. What came of it.

        Meanwhile `show` is called now and then, in this thread, where ids were settled since.
        """
        task, shown = TaskProgress(), 0
        work = asyncio.run_coroutine_threadsafe(
            self._engine.run_slice(job_id, slice_no, task, traceparent=traceparent), self._loop
        )
        while not wait([work], SHOW_SECONDS).done:
            if task.settled - shown >= max(1, task.ids_at_once // MAX_SHOWN):
                shown = task.settled
                show(task)
        work.result()
        return task

    def stop_soon(self) -> None:
        self._loop.call_soon_threadsafe(self._engine.stop_soon)

    def consumer_lives(self) -> None:
        self._loop.call_soon_threadsafe(self._engine.consumer_lives)

    def close(self) -> None:
        self._call(self._engine.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _make(
    settings: Settings, send_messages: SendMessages, tracing: Tracing | None, only_job: str | None
) -> Engine:
    return Engine(settings, send_messages, tracing, only_job)
