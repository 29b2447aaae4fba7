"""Celery's pool of threads, which has its event loop look for the next message as soon as a task has ended.

Without prefetching a message is asked for only where a thread is free, and nothing tells the loop that one
became so: it finds out when it next happens to wake, up to some seconds later. Of that it is saved by the
events that a task sends, as long as those are on.
"""

from typing import TYPE_CHECKING, Any

from celery.concurrency.thread import ApplyResult, TaskPool

if TYPE_CHECKING:
    from concurrent.futures import Future

    from kombu.asynchronous.hub import Hub


class WakingPool(TaskPool):  # type: ignore[misc]
    _hub: "Hub | None" = None

    def register_with_event_loop(self, loop: "Hub") -> None:
        """Called by Celery whenever its loop begins: at the start, and after each loss of the broker."""
        self._hub = loop

    def on_apply(self, *arguments: Any, **options: Any) -> ApplyResult:
        result = super().on_apply(*arguments, **options)
        # Only then has Celery struck the task off those in work; while `task_postrun` is sent it has not.
        result.f.add_done_callback(self._wake)
        return result

    def _wake(self, _ended: "Future[Any]") -> None:
        """Called in the task's thread."""
        if self._hub is not None:
            self._hub.call_soon(_run_another_turn)  # type: ignore[no-untyped-call]


def _run_another_turn() -> None:
    """Nothing is to be done but to come round: the loop looks for messages at each turn."""
