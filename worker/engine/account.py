"""What one claim of a slice came to, as far as it is recorded: for its line in the log, and for Flower."""

from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from worker.core.outcome import BY_CODE, CODES, Outcome
from worker.core.reporting.schema import SECONDS
from worker.store.claims import Claim, CommitPayload

_OPEN: Final = CODES[Outcome.PENDING] + CODES[Outcome.AMBIGUOUS]


class Account:
    """Written on the engine's loop, read from any thread."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        """`now` is a clock in seconds."""
        self._now = now
        self._began = now()
        self._codes: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()
        self._settled_before = 0
        self.ids = 0
        """Ids in the slice; 0 where it could not be claimed."""

    def begin(self, claim: Claim) -> None:
        known = claim.stored.outcomes.decode("ascii")
        self.ids = len(claim.part.ids)
        self._settled_before = len(known) - sum(map(known.count, _OPEN))
        self._began = self._now()

    def add(self, payload: CommitPayload) -> None:
        """What a commit carried, once it is in the record."""
        self._codes.update("".join([settlement.codes for settlement in payload.settlements]))
        self._requests.update(payload.counters())

    @property
    def settled(self) -> int:
        """Ids of the slice with a final outcome."""
        return self._settled_before + self._settled_here

    @property
    def ids_per_second(self) -> float:
        return self._settled_here / max(0.001, self._now() - self._began)

    @property
    def _settled_here(self) -> int:
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

    def words(self) -> str:
        """One line for a person; no id in it."""
        if not self.ids:
            return "nothing to claim"
        return f"{self.settled:,} of {self.ids:,} ids settled, {self.ids_per_second:,.0f} ids/s"
