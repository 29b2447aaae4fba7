"""The ids of one request, with what is known of each of them from earlier requests."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from worker.core.outcome import CODES, Outcome
from worker.core.reason import Reason

MAX_BATCH: Final = 15
"""Ids in a request: the API's documented limit."""


class Batch(msgspec.Struct, frozen=True):
    """Up to `MAX_BATCH` ids to be sent together. The first four fields run in step."""

    ids: tuple[str, ...]
    indices: tuple[int, ...]
    """The index of each id in the slice."""
    ambiguous: tuple[bool, ...]
    """For each id whether it was sent before and the answer was lost."""
    attempts: tuple[int, ...]
    """For each id the requests charged against `MAX_ATTEMPTS`."""
    unreached: int = 0
    """Failures to connect in a row; never charged."""
    renewals: int = 0
    """401s in a row; never charged."""
    conflicts: int = 0
    """409s after which these ids were sent again, as an earlier request may have been in flight; free."""
    errors: int = 0
    """5xx and unreadable answers to these ids together that no outage explains."""
    unattributed_errors: int = 0
    """5xx and unreadable answers that may be due to an outage."""
    intercepted: int = 0
    """Answers of something else than the API to these ids, while the API answered other requests."""
    forbidden: int = 0
    """403s and 404s that were not confirmed to be a fault of the whole job."""
    refusals: int = 0
    """Rejections of a single id that an earlier request may have activated."""
    pending_charges: tuple[int, ...] = ()
    """Numbers of lost answers, charged once it is known that the API was not away; see `blame`."""
    pending_errors: tuple[int, ...] = ()
    """Numbers of bad answers, added to `errors` once it is known that the API was not away; see `blame`."""
    successes_at_failure: int | None = None
    """The breaker's count of good answers at the last failure of these ids; None before a failure."""
    others_succeeded: bool = False
    """Whether the API has answered other requests well after a failure of these ids."""
    split_probe: bool = False
    """Whether the next request is made only because another was rejected, to find the id at fault."""
    isolated: bool = False
    """Whether these ids were taken out of a rejected request: one of them may spoil what it is sent with."""

    def __post_init__(self) -> None:
        assert 0 < len(self.ids) <= MAX_BATCH
        assert len(self.ids) == len(self.indices) == len(self.ambiguous) == len(self.attempts)

    @property
    def is_uncharged_probe(self) -> bool:
        """Whether a failure of the next request is charged to no id: a probe of a split, with several ids."""
        return self.split_probe and len(self.ids) > 1

    def with_charges(self, times: int = 1) -> "Batch":
        """A copy with `times` requests charged to each id; ends the rows of uncharged failures."""
        attempts = tuple([attempts + times for attempts in self.attempts])
        return replace(self, attempts=attempts, unreached=0, renewals=0)

    def with_unreached(self) -> "Batch":
        return replace(self, unreached=self.unreached + 1)

    def with_renewal(self) -> "Batch":
        return replace(self, renewals=self.renewals + 1)

    def with_conflict(self) -> "Batch":
        return replace(self, conflicts=self.conflicts + 1, unreached=0, renewals=0, split_probe=False)

    def with_error(self, *, ids_at_fault: bool) -> "Batch":
        if ids_at_fault:
            return replace(self, errors=self.errors + 1)
        return replace(self, unattributed_errors=self.unattributed_errors + 1)

    def with_interception(self, *, ids_at_fault: bool) -> "Batch":
        return replace(self, unreached=self.unreached + 1, intercepted=self.intercepted + ids_at_fault)

    def with_forbidden(self) -> "Batch":
        return replace(self, forbidden=self.forbidden + 1)

    def with_refusal(self) -> "Batch":
        return replace(self, refusals=self.refusals + 1)

    def as_ambiguous(self) -> "Batch":
        """A copy in which each id was sent and its answer lost."""
        return replace(self, ambiguous=(True,) * len(self.ids), unreached=0, renewals=0)

    def part(self, positions: Sequence[int]) -> "Batch":
        """The ids at `positions` of this batch, with all that is known of them."""
        return replace(
            self,
            ids=tuple(self.ids[position] for position in positions),
            indices=tuple(self.indices[position] for position in positions),
            ambiguous=tuple(self.ambiguous[position] for position in positions),
            attempts=tuple(self.attempts[position] for position in positions),
        )

    def cleared(self, positions: Sequence[int]) -> "Batch":
        """The ids at `positions`, which an answer proved harmless: without the failures met together."""
        part = self.part(positions)
        return Batch(part.ids, part.indices, part.ambiguous, part.attempts)

    def halves(self) -> tuple["Batch", "Batch"]:
        middle = (len(self.ids) + 1) // 2
        return self.part(range(middle)), self.part(range(middle, len(self.ids)))

    def singles(self) -> list["Batch"]:
        return [self.part([position]) for position in range(len(self.ids))]


class Settlement(msgspec.Struct, frozen=True):
    """What one answer made of the ids of a batch; the unit that is written to the record."""

    batch: Batch
    codes: str
    """One outcome character per id of the batch, in step with `batch.ids`; see `outcome.CODES`."""
    status: int
    """HTTP status of the answer; 0 where there was none."""
    reasons: tuple[tuple[int, Reason], ...] = ()
    """(position in the batch, reason) of each id with more to say than its outcome."""


def settle_alike(batch: Batch, outcome: Outcome, reason: Reason) -> Settlement:
    """All ids of `batch` with one outcome, for one reason."""
    positions = range(len(batch.ids))
    given = tuple((position, reason) for position in positions)
    return Settlement(batch, CODES[outcome] * len(positions), reason.status, given)
