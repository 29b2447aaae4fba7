"""Circuit breaker: when an API is away, and when to probe whether it is back.

The pattern is M. Nygard's ('Release It!', 2007): closed, open, half-open with one request as its probe.
It opens after a streak of failures that suggest an outage: no connection, no answer in time, 5xx, an
unreadable answer, an answer of something else than the API; or after one 5xx with `Retry-After`. Any other
answer of the API, 429s and 4xx too, shows that it is there.

An id that gets a 5xx again and again is no sign of an outage: once the API has answered others well between
two of its failures, they do not count (see `blame` beside this). Times are in seconds, on any clock that only
goes forward.

    CLOSED     everything is sent                    a streak long enough       -> OPEN
    CLOSED     everything is sent                    a 5xx with `Retry-After`   -> OPEN
    OPEN       nothing is sent                       its time is over           -> HALF_OPEN
    HALF_OPEN  one real batch is out, as the probe   a good answer, of any      -> CLOSED
                                                     its failure, or withdrawn  -> OPEN
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from worker.core.answers.verdict import Faulty, Intercepted, Unreached, Verdict

MANY: Final = 10
"""Failures in a row that open it at once."""
FEW: Final = 3
"""Failures in a row that open it once the streak has lasted `LONG` seconds: a small job makes no more."""
LONG: Final = 5.0

STALE: Final = 15.0
"""Seconds after which a streak too short to open it no longer counts."""

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 15.0
"""Maximum seconds between two probes; they double from `FIRST_WAIT`."""

LONGEST_SILENCE: Final = 3600.0
"""Seconds without a good answer after which the ids left to send are taken for the cause, if the API has
answered others well after a failure of theirs. Long, since an outage must not cost an id an attempt."""

_REMEMBERED: Final = 64
"""Outages that are remembered: a failure in one of them is charged to nobody."""


class BreakerState(Enum):
    CLOSED = auto()
    OPEN = auto()
    HALF_OPEN = auto()


_CLOSED: Final = BreakerState.CLOSED
"""Looked up once: in Python 3.11 each look at a member of an enumeration costs a call."""


def is_away(verdict: Verdict) -> bool:
    """Whether the answer, or its absence, may mean that the API is away."""
    return isinstance(verdict, Faulty | Intercepted | Unreached)


@dataclass(slots=True)
class Breaker:
    """One per API host and process. Failures are numbered, so that `is_chargeable` can be asked later."""

    state: BreakerState = BreakerState.CLOSED
    problem: str = ""
    """The last failure, in words."""
    successes: int = 0
    _failures: int = 0
    _streak: int = 0
    """Length of the current streak: failures in a row that may mean an outage."""
    _streak_first: int = 1
    """The number of its first failure; without a streak, of the next failure."""
    _streak_since: float = 0.0
    _streak_last: float = 0.0
    _openings: int = 0
    """Times that it opened in a row, without a good answer between."""
    _until: float = 0.0
    _last_success: float | None = None
    _outages: list[range] = field(default_factory=list)

    def admits(self, now: float) -> bool:
        """Whether a request may go out. It is the probe if the state is HALF_OPEN after this call."""
        if self.state is BreakerState.OPEN and now >= self._until:
            self.state = BreakerState.HALF_OPEN
            return True
        return self.state is BreakerState.CLOSED

    def wait(self, now: float) -> float:
        """Seconds until `admits` may change by the passing of time."""
        return max(0.0, self._until - now) if self.state is BreakerState.OPEN else LONGEST_WAIT

    def record_success(self, now: float) -> None:
        self._close()
        self.successes += 1
        self._last_success = now

    def record_failure(
        self, now: float, problem: str, *, breaker_probe: bool, ids_at_fault: bool, asked: float | None = None
    ) -> int:
        """Notes a failure, and returns its number.

        `ids_at_fault`: the ids sent are the cause, not the API. `asked`: seconds of the answer's
        `Retry-After`.
        """
        if ids_at_fault and breaker_probe and self.is_silent_too_long(now):
            # Only ids that fail by themselves are left to probe with.
            self._close()
        self._failures += 1
        self.problem = problem
        if (
            ids_at_fault
            and self._streak
            and self.state is BreakerState.CLOSED
            and now - self._streak_last > STALE
        ):
            # Neither a good answer nor a further failure came: the streak is dropped uncharged.
            self._outages = [*self._outages, range(self._streak_first, self._failures)][-_REMEMBERED:]
            self._streak = 0
        if ids_at_fault and not self._streak:
            self._streak_first = self._failures + 1
        elif not ids_at_fault:
            self._streak_since = self._streak_since if self._streak else now
            self._streak_last = now
            self._streak += 1
        if (breaker_probe and self.state is BreakerState.HALF_OPEN) or (
            self.state is BreakerState.CLOSED and self._is_long(now)
        ):
            self._open(now)
        if asked and not ids_at_fault:
            self._until = max(self._until, now + asked)
            self.state = BreakerState.OPEN if self.state is BreakerState.CLOSED else self.state
        return self._failures

    def withdraw_probe(self, now: float) -> None:
        """Notes that the probe was not sent after all."""
        self.state = BreakerState.OPEN
        self._until = now

    def has_succeeded_since(self, successes_at_failure: int | None) -> bool:
        """Whether good answers came since their count was `successes_at_failure`; False for None."""
        return successes_at_failure is not None and self.successes > successes_at_failure

    def is_silent_too_long(self, now: float) -> bool:
        return self._last_success is not None and now - self._last_success >= LONGEST_SILENCE

    def is_chargeable(self, number: int) -> bool | None:
        """Whether failure `number` is charged to its ids: not if it fell in an outage; None if unknown."""
        if number < self._streak_first:
            return not any(number in outage for outage in self._outages)
        return None if self.state is BreakerState.CLOSED else False

    def _close(self) -> None:
        if self.state is not _CLOSED:
            self._outages = [*self._outages, range(self._streak_first, self._failures + 1)][-_REMEMBERED:]
        self.state = _CLOSED
        self._streak = self._openings = 0
        self._streak_first = self._failures + 1

    def _is_long(self, now: float) -> bool:
        return self._streak >= MANY or (self._streak >= FEW and now - self._streak_since >= LONG)

    def _open(self, now: float) -> None:
        self.state = BreakerState.OPEN
        self._until = now + min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._openings, 8))
        self._openings += 1
