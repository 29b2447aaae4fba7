"""Job, slice, claim, batch and attempt that a coroutine works on, for its log lines and trace spans."""

from contextvars import ContextVar
from typing import Any, Final

from worker.core.batches.batch import MAX_BATCH, Batch

_CONTEXT: Final[ContextVar[tuple[str, int, int, Batch] | None]] = ContextVar("log_context", default=None)


def bind(job_id: str, slice_no: int, claim: int, batch: Batch) -> None:
    """Adds an attempt at `batch` to whatever this coroutine logs from now on.

    Called for each request, since a sender takes batches of many slices in turn. It only stores the values;
    `current` computes the fields when something is logged.
    """
    _CONTEXT.set((job_id, slice_no, claim, batch))


def current() -> dict[str, Any]:
    """The fields bound last in this coroutine; empty if none were."""
    if (bound := _CONTEXT.get()) is None:
        return {}
    job_id, slice_no, claim, batch = bound
    return {
        "job_id": job_id,
        "slice": slice_no,
        "claim": claim,
        "batch": batch.indices[0] // MAX_BATCH,
        "attempt": 1 + max(batch.attempts),
    }
