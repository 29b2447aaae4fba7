"""Blocking work in threads: a bounded number for each kind, so that no kind holds up another."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Pool:
    def __init__(self, name: str, threads: int) -> None:
        self._executor: Final = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._running: set[Future[object]] = set()

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `call` in a thread. Where it is cancelled, the call goes on to its end all the same."""
        # In the context of the request: spans of what it does belong to that of the request.
        future = self._executor.submit(copy_context().run, partial(call, *args, **kwargs))
        self._running.add(future)  # type: ignore[arg-type]
        future.add_done_callback(self._running.discard)
        return await asyncio.wrap_future(future)

    def close(self) -> set[Future[object]]:
        """Drops what has not begun; returns what runs."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        return set(self._running)


class Threads:
    """Fewer threads in all than a client has connections to Redis."""

    def __init__(self) -> None:
        self.quick: Final = Pool("quick", 12)
        """A few round trips to Redis."""
        self.pieces: Final = Pool("pieces", 8)
        """A piece of results: between two pieces a slow reader holds no thread."""
        self.long: Final = Pool("long", 6)
        """Storing, counting or showing a whole job."""

    def close(self, timeout: float) -> bool:
        """Whether all work ended within `timeout` seconds."""
        running = self.quick.close() | self.pieces.close() | self.long.close()
        return not wait(running, timeout).not_done
