"""One timer for all requests of a session, which have the same time-out, in place of a timer for each."""

import asyncio
from types import TracebackType


class Deadlines:
    """A context manager for the body of a task's request; each task has one at a time.

    Requests end in the order in which they began, so that the timer only ever waits for the oldest. As
    `asyncio.timeout`, it cancels the task that is out of time, and raises `TimeoutError` in its place.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[asyncio.Task[object], float] = {}
        """On the loop's clock, oldest first."""
        self._expired: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        task = _this_task()
        self._ends[task] = task.get_loop().time() + self._seconds
        if self._timer is None:
            self._look_again(task.get_loop())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task = _this_task()
        del self._ends[task]
        if task in self._expired:
            self._expired.discard(task)
            # Where somebody else cancels the task too, it stays cancelled.
            if task.uncancel() <= 0 and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        oldest = next((ends for task, ends in self._ends.items() if task not in self._expired), None)
        self._timer = None if oldest is None else loop.call_at(oldest, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, ends in self._ends.items():
            if ends > now:
                break
            if task not in self._expired:
                self._expired.add(task)
                task.cancel()
        self._look_again(loop)


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None
    return task
