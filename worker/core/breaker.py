"""Circuit breaker: when an API is away, and when to look whether it is back.

The pattern is M. Nygard's ('Release It!', 2007): closed, open, half-open with one request as its probe.
What opens it is a run of failures that say the API is away: no connection, no answer in time, 5xx. Any
other answer, a 429 or a 4xx too, shows that it is there.

An id of which a 5xx comes again and again is no sign of an outage: once the API has answered well since
its first, its further ones do not count. Times are in seconds, on any clock that only goes forward.

    CLOSED     everything is sent                    a run long enough          -> OPEN
    OPEN       nothing is sent                       its time is over           -> HALF_OPEN
    HALF_OPEN  one real batch is out, as the probe   a good answer, of any      -> CLOSED
                                                     its failure, or withdrawn  -> OPEN
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from worker.core.answer import Faulty, Unreached, Verdict

MANY: Final = 10
"""Failures in a row that open it at once."""
FEW: Final = 3
LONG: Final = 5.0
"""Seconds: so long a run opens it from `FEW` failures on, since a small job makes no more."""

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 15.0
"""Seconds between two probes; doubles from `FIRST_WAIT`."""

_REMEMBERED: Final = 64
"""Outages back that a failure is still charged to nobody for."""

_SERVER_ERROR: Final = 500
_NOT_AWAY: Final = frozenset({"ANSWER_TOO_LARGE", "BAD_ANSWER"})


class Phase(Enum):
    CLOSED = auto()
    OPEN = auto()
    HALF_OPEN = auto()


def is_away(verdict: Verdict) -> bool:
    """Whether the answer, or its absence, says that nobody is there to answer."""
    if isinstance(verdict, Unreached):
        return True
    if not isinstance(verdict, Faulty):
        return False
    reason = verdict.reason
    return reason.status >= _SERVER_ERROR or (not reason.status and reason.name not in _NOT_AWAY)


@dataclass(slots=True)
class Breaker:
    """One per API host and process. Failures are numbered; by its number one can ask later what it was."""

    phase: Phase = Phase.CLOSED
    problem: str = ""
    """What the last failure was."""
    successes: int = 0
    _failures: int = 0
    _run: int = 0
    """Failures in a row that count."""
    _run_first: int = 1
    """The number of the first of them, or of the next failure."""
    _run_since: float = 0.0
    _openings: int = 0
    """In a row."""
    _until: float = 0.0
    _outages: list[range] = field(default_factory=list)

    def admits(self, now: float) -> bool:
        """Whether a request may go out. In HALF_OPEN after this: it is the probe."""
        if self.phase is Phase.OPEN and now >= self._until:
            self.phase = Phase.HALF_OPEN
            return True
        return self.phase is Phase.CLOSED

    def wait(self, now: float) -> float:
        """Seconds until `admits` may say something else of its own."""
        return max(0.0, self._until - now) if self.phase is Phase.OPEN else LONGEST_WAIT

    def success(self) -> None:
        if self.phase is not Phase.CLOSED:
            self._outages = [*self._outages, range(self._run_first, self._failures + 1)][-_REMEMBERED:]
        self.phase = Phase.CLOSED
        self.successes += 1
        self._run = self._openings = 0
        self._run_first = self._failures + 1

    def failure(self, now: float, problem: str, *, probe: bool, explained: bool) -> int:
        """The number of this failure. `explained`: its ids, rather than the API, may be the cause."""
        self._failures += 1
        self.problem = problem
        if explained and not self._run:
            self._run_first = self._failures + 1
        elif not explained:
            self._run_since = self._run_since if self._run else now
            self._run += 1
        if probe or (self.phase is Phase.CLOSED and self._is_long(now)):
            self._open(now)
        return self._failures

    def withdrawn(self, now: float) -> None:
        """The probe was not sent after all."""
        self.phase = Phase.OPEN
        self._until = now

    def explains(self, witnessed: int | None) -> bool:
        """Whether the API has answered well since it had given `witnessed` good answers."""
        return witnessed is not None and self.successes > witnessed

    def guilty(self, number: int) -> bool | None:
        """Whether failure `number` is to be charged: not in an outage; None while that is open."""
        if number < self._run_first:
            return not any(number in outage for outage in self._outages)
        return None if self.phase is Phase.CLOSED else False

    def _is_long(self, now: float) -> bool:
        return self._run >= MANY or (self._run >= FEW and now - self._run_since >= LONG)

    def _open(self, now: float) -> None:
        self.phase = Phase.OPEN
        self._until = now + min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._openings, 8))
        self._openings += 1
