"""What claims of slices came to, as far as it is recorded: for the lines of the log, and for Flower."""

from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from worker.core.outcome import BY_CODE, CODES, Outcome
from worker.core.reporting.schema import SECONDS
from worker.store.claims import Claim
from worker.store.commit_payload import CommitPayload

_OPEN: Final = CODES[Outcome.PENDING] + CODES[Outcome.AMBIGUOUS]


class SliceProgress:
    """Of one claim. Written on the engine's loop, read from any thread."""

    def __init__(self, claim: Claim, now: Callable[[], float] = monotonic) -> None:
        """`now` is a clock in seconds."""
        known = claim.stored.outcomes.decode("ascii")
        self.ids = len(claim.part.ids)
        self._settled_before = len(known) - sum(map(known.count, _OPEN))
        self._now = now
        self._began = now()
        self._codes: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()

    def add(self, payload: CommitPayload) -> None:
        """What a commit carried, once it is in the record."""
        self._codes.update(payload.codes())
        self._requests.update(payload.counters())

    @property
    def settled(self) -> int:
        """Ids of the slice with a final outcome."""
        return self._settled_before + self.settled_here

    @property
    def settled_here(self) -> int:
        """Of these, those that were settled under this claim."""
        return sum(count for code, count in list(self._codes.items()) if code not in _OPEN)

    def line(self) -> dict[str, Any]:
        """The fields of the slice's line in the log: times in seconds, those of batches summed over them."""
        outcomes = {str(BY_CODE[code]): count for code, count in self._codes.items() if code not in _OPEN}
        took = {name: self._requests[f"ms_{name}"] / 1000 for name in SECONDS}
        statuses = {name: count for name, count in self._requests.items() if name.isdigit()}
        return {
            "ids": self.ids,
            "settled": self.settled,
            "outcomes": dict(sorted(outcomes.items())),
            "requests": self._requests["sent"],
            "by_status": dict(sorted(statuses.items())),
            "retried": self._requests["retried"],
            "probes": self._requests["probes"],
            "seconds": round(self._now() - self._began, 3),
            "batch_seconds": took,
        }


class TaskProgress:
    """Of the slices, one after the other, that one message woke a worker for."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._began = now()
        self._slices: list[SliceProgress] = []

    def begin(self, claim: Claim) -> SliceProgress:
        if not self._slices:
            self._began = self._now()
        made = SliceProgress(claim, self._now)
        self._slices.append(made)
        return made

    @property
    def ids(self) -> int:
        """Ids in the slices; 0 where none could be claimed."""
        return sum(part.ids for part in self._slices)

    @property
    def ids_at_once(self) -> int:
        """Ids in the first slice, and so in each but the last of the job; 0 where none could be claimed."""
        return self._slices[0].ids if self._slices else 0

    @property
    def settled(self) -> int:
        return sum(part.settled for part in self._slices)

    @property
    def ids_per_second(self) -> float:
        here = sum(part.settled_here for part in self._slices)
        return here / max(0.001, self._now() - self._began)

    def words(self) -> str:
        """One line for a person; no id in it."""
        if not self.ids:
            return "nothing to claim"
        return f"{self.settled:,} of {self.ids:,} ids settled, {self.ids_per_second:,.0f} ids/s"
