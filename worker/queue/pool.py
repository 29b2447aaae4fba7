"""Celery's pool of threads, changed to wake Celery's event loop as soon as a task has ended.

Without prefetching, Celery asks for a message only while a thread is free, and nothing tells its loop when
one becomes free: it notices at its next wake-up, up to some seconds later. Task events hide this while they
are on, since sending one wakes the loop.
"""

from typing import TYPE_CHECKING, Any

from celery.concurrency.thread import ApplyResult, TaskPool

if TYPE_CHECKING:
    from concurrent.futures import Future

    from kombu.asynchronous.hub import Hub


class WakingPool(TaskPool):  # type: ignore[misc]
    """Wakes the event loop at the end of each task."""

    _hub: "Hub | None" = None

    def register_with_event_loop(self, loop: "Hub") -> None:
        """Called by Celery when its loop starts, and again after each loss of the broker."""
        self._hub = loop

    def on_apply(self, *arguments: Any, **options: Any) -> ApplyResult:
        result = super().on_apply(*arguments, **options)
        # Not on `task_postrun`: at that moment Celery still counts the task as running.
        result.f.add_done_callback(self._wake)
        return result

    def _wake(self, _ended: "Future[Any]") -> None:
        """Runs in the thread of the task."""
        if self._hub is not None:
            self._hub.call_soon(_run_another_turn)  # type: ignore[no-untyped-call]


def _run_another_turn() -> None:
    """Does nothing: the loop looks for messages in each of its turns."""
