"""What one commit carries, and how `commit.lua` is told it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import msgspec

from worker.core.batches.batch import MAX_BATCH, Batch, Settlement
from worker.core.outcome import CODES, Outcome
from worker.core.reporting.schema import SECONDS

_ACTIVATED: Final = CODES[Outcome.ACTIVATED]
_MAX_RECORDED: Final = 255
"""Attempts: what a byte holds."""


@dataclass(slots=True)
class CommitPayload:
    """Not more than about 100 ms of work, so little is lost with a process."""

    settlements: list[Settlement] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    """What is added to the counters of the job's report, but for those below."""
    activated: list[tuple[int, ...]] = field(default_factory=list)
    """The indices of full fixed batches that their first request activated, each the only one that it took.
    They count as answered with HTTP 200, and as charged."""
    sent: int = 0
    throttled: int = 0
    held_ms: int = 0
    allowed: float = 0.0
    """The allowed requests per second at each request that was sent, added up over them."""
    api_problem: str = ""
    """Why the API cannot be reached, while it cannot."""
    support: list[tuple[int, str]] = field(default_factory=list)
    """Statuses of exceptional answers, and the names that the API gave to these requests."""
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SECONDS, 0.0))
    """Where the time went, summed over batches."""

    def counters(self) -> dict[str, int]:
        """What is added to the job's counters; times in milliseconds, rounded once for all requests."""
        added = {"sent": self.sent, **self.requests}
        if whole := len(self.activated):
            for name in ("ok", str(HTTPStatus.OK.value), "charged"):
                added[name] = added.get(name, 0) + whole
        added |= {f"ms_{name}": round(1000 * seconds) for name, seconds in self.seconds.items()}
        return {name: count for name, count in added.items() if count}

    def codes(self) -> str:
        """The outcome of each id that it carries, one character each."""
        whole = _ACTIVATED * sum(map(len, self.activated))
        return whole + "".join([settlement.codes for settlement in self.settlements])

    def encode(self, ids_in_slice: int) -> bytes:
        """The commit's JSON, as `commit.lua` describes it."""
        settled: list[tuple[int, str, int, int]] = []
        apart: list[tuple[int, str, int, int]] = []
        reasons: list[tuple[int, str, str, str]] = []
        for settlement in self.settlements:
            batch, codes, status = settlement.batch, settlement.codes, settlement.status
            alike = batch.attempts.count(batch.attempts[0]) == len(batch.attempts)
            if alike and is_whole(batch, ids_in_slice):
                settled.append((batch.indices[0], codes, min(batch.attempts[0], _MAX_RECORDED), status))
            else:
                apart.extend(
                    (index, code, min(count, _MAX_RECORDED), status)
                    for index, code, count in zip(batch.indices, codes, batch.attempts, strict=True)
                )
            for position, reason in settlement.reasons:
                label = f"{reason.name}\0{reason.status}\0{reason.message}"
                reasons.append((batch.indices[position], codes[position], label, batch.ids[position]))
        document: Mapping[str, Any] = {
            "runs": [(first, count, _ACTIVATED, 1, HTTPStatus.OK) for first, count in runs(self.activated)],
            "settled": settled,
            "apart": apart,
            "reasons": reasons,
            "requests": self.counters(),
            "timeline": {
                "sent": self.sent,
                "throttled": self.throttled,
                "held_ms": self.held_ms,
                "allowed": round(self.allowed, 2),
            },
            "api_problem": self.api_problem,
            "support": self.support,
        }
        return msgspec.json.encode(document)


def is_whole(batch: Batch, ids_in_slice: int) -> bool:
    """Whether its ids are all of one of the slice's fixed batches, in order."""
    first = batch.indices[0]
    count = min(MAX_BATCH, ids_in_slice - first)
    return first % MAX_BATCH == 0 and batch.indices == tuple(range(first, first + count))


def runs(batches: Iterable[tuple[int, ...]]) -> list[tuple[int, int]]:
    """(first index, ids) of each stretch that `batches`, of consecutive indices, make together."""
    found: list[tuple[int, int]] = []
    for indices in sorted(batches):
        first, count = indices[0], len(indices)
        assert indices[-1] == first + count - 1
        if found and sum(found[-1]) == first:
            found[-1] = (found[-1][0], found[-1][1] + count)
        else:
            found.append((first, count))
    return found
