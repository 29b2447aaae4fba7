"""Requests that wait for their turn, by job: first come, first served within each."""

from collections import deque
from collections.abc import Iterator

from worker.engine.request import Request, SendContext


class JobQueues:
    """One per organization and process."""

    def __init__(self) -> None:
        self._by_job: dict[str, deque[Request]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_job)

    def __iter__(self) -> Iterator[Request]:
        for queue in self._by_job.values():
            yield from queue

    def waiting(self, job_id: str) -> int:
        return len(self._by_job.get(job_id, ()))

    def put(self, request: Request) -> None:
        self._by_job.setdefault(request.context.job_id, deque()).append(request)

    def put_first(self, request: Request) -> None:
        self._by_job.setdefault(request.context.job_id, deque()).appendleft(request)

    def put_back(self, request: Request) -> None:
        """Queues a request where it was before it was taken: before the first that was offered after it."""
        queue = self._by_job.setdefault(request.context.job_id, deque())
        later = (at for at, other in enumerate(queue) if other.offered_at > request.offered_at)
        queue.insert(next(later, len(queue)), request)

    def pop(self, job_id: str = "") -> Request | None:
        """The next of a job; of any other, where that has nothing to send."""
        if job_id not in self._by_job:
            if not self._by_job:
                return None
            job_id = next(iter(self._by_job))
        queue = self._by_job[job_id]
        request = queue.popleft()
        if not queue:
            del self._by_job[job_id]
        return request

    def remove(self, context: SendContext) -> list[Request]:
        """Takes out all requests of a slice."""
        queue = self._by_job.pop(context.job_id, deque())
        if kept := deque(request for request in queue if request.context is not context):
            self._by_job[context.job_id] = kept
        return [request for request in queue if request.context is context]
