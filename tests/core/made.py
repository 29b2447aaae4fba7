"""Makes the values that tests of the core start from."""

import json
from collections.abc import Sequence
from typing import Any

from worker.core.answers.reconcile import Plain, Reconciled
from worker.core.answers.reply import Reply
from worker.core.batches.batch import Batch
from worker.core.reason import Reason

IDS = tuple(f"token-{letter}" for letter in "abcdefghijklmno")


def a_batch(
    size: int = 15, *, ambiguous: Sequence[int] = (), attempts: int | Sequence[int] = 0, **known: Any
) -> Batch:
    """The first `size` ids; those at the places `ambiguous` were sent before. `attempts`: of each or all."""
    return Batch(
        ids=IDS[:size],
        indices=tuple(range(size)),
        ambiguous=tuple(place in ambiguous for place in range(size)),
        attempts=(attempts,) * size if isinstance(attempts, int) else tuple(attempts),
        **known,
    )


def ok(successes: Any = None, failures: Any = None) -> bytes:
    """The body of a 200; `failures` as pairs (id, message)."""
    refused = None if failures is None else [{"id": id_, "message": text} for id_, text in failures]
    return json.dumps({"successes": successes, "failures": refused}).encode()


def answered(status: int, body: bytes = b"", **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def all_well(size: int) -> Reconciled:
    return Reconciled((Plain.SUCCESS,) * size)


def refused(message: str) -> Reason:
    return Reason("SOME_NAME", message, 200)
