"""What a coroutine works on at the moment, for its log and its traces: job, slice, claim, batch, attempt."""

from contextvars import ContextVar
from typing import Any, Final

from worker.core.batch import MAX_BATCH, Batch

_CONTEXT: Final[ContextVar[tuple[str, int, int, Batch] | None]] = ContextVar("log_context", default=None)


def bind(job_id: str, slice_no: int, claim: int, batch: Batch) -> None:
    """What this coroutine logs from now on is about an attempt at `batch`.

    A sender takes batches of many slices in turn, so this is said anew for each request. What it comes to is
    worked out only where something is logged.
    """
    _CONTEXT.set((job_id, slice_no, claim, batch))


def current() -> dict[str, Any]:
    """What `place` was told last in this coroutine; nothing where it was not."""
    if (told := _CONTEXT.get()) is None:
        return {}
    job_id, slice_no, claim, batch = told
    return {
        "job_id": job_id,
        "slice": slice_no,
        "claim": claim,
        "batch": batch.indices[0] // MAX_BATCH,
        "attempt": 1 + max(batch.attempts),
    }
