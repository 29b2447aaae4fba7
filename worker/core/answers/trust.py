"""What to do about a refused access token: renew it, try it again, or ask a person.

A new token may be refused for some seconds, since the API's nodes learn of it one after the other, or by some
of its nodes for longer. One 401 cannot tell these from a token that was revoked or has ended. So:

a token refused                                         then
------------------------------------------------------  ------------------------------------------------
in place of which there is another by now               RENEW    replayed at once with that one
that served others, or is a minute old                  RENEW    the first time
that served others, and nobody any more for seconds     RENEW    every ten seconds at most
any other                                               AGAIN    after a delay that grows
while nobody was served for a minute                    GIVE_UP  a person is asked

Where nobody is served, tries go out one at a time, so that the account is not locked by our doing: from the
first refusal of a token that served nobody yet, from the eighth in a row of another.
Times are in seconds, on any clock that only goes forward.
"""

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from worker.core.backoff import backoff

FRESH: Final = 60.0
"""Seconds: the age under which a token that nobody was served with yet may be unknown to some nodes."""
LONGEST: Final = 60.0
"""Seconds that nobody is served before a person is asked."""
READY_LONGEST: Final = 2.0
"""The same for a ready access token that served nobody yet: it is old, for all we know."""
MANY: Final = 8
"""Refusals in a row, after which a token that served others is taken to serve nobody any more."""
_UNSERVED: Final = 2.0
_BETWEEN: Final = 10.0
"""Seconds that nobody was served for, and between renewals, for another one of a token that served others."""
_CALM: Final = 300.0
"""Seconds without a refusal after which all is forgotten."""
_STALE: Final = 60.0
"""Seconds without a refusal after which the next begins a row of its own: nobody asked meanwhile."""
_TRY_BASE: Final = 0.25
_TRY_CAP: Final = 3.0
_OUT: Final = 1.0
"""Seconds that a try is waited for before there is another."""


class TokenAction(Enum):
    RENEW = auto()
    REPEAT = auto()
    GIVE_UP = auto()


@dataclass(slots=True)
class TokenTrust:
    """In the access tokens of one organization, in one process."""

    renewable: bool = True
    proven: bool = False
    """The API let a request with the present token in."""
    _got_at: float = -math.inf
    _since: float | None = None
    """When the first refusal came after which nobody was served."""
    _last: float = -math.inf
    _renewals: int = 0
    _row: int = 0
    """Refusals since then."""
    _tries: int = 0
    _trying: bool = False
    _next: float = 0.0

    def record_grant(self, now: float) -> None:
        """There is a new token, which was asked for at `now`."""
        self.proven = False
        self._got_at = now
        self._next = now

    def mark_accepted(self) -> None:
        self.proven = True
        self._since = None
        self._row = self._tries = 0
        self._trying = False

    def mark_rejected(self, now: float, roll: float, *, by_api: bool = True) -> TokenAction:
        """The present token got a 401. `roll` in [0, 1) is the caller's chance, for jitter.

        Unless it is said `by_api`, in its own words, no person is asked: a proxy may want another login.
        """
        if now - self._last > _CALM:
            self._renewals = 0
        if self._since is None or now - self._last > _STALE:
            self._since = now
            self._row = self._tries = 0
        self._last = now
        self._row += 1
        unserved = now - self._since
        if unserved >= (LONGEST if self.renewable or self.proven else READY_LONGEST):
            # Once a person has seen to it, all begins anew.
            self._since, self._renewals = None, 0
            return TokenAction.GIVE_UP if by_api else TokenAction.REPEAT
        if self.renewable and self._is_worth_renewing(self._since, now):
            self._renewals += 1
            return TokenAction.RENEW
        if self._is_closed() and (self._trying or not self._tries):
            self._tries += 1
            self._trying = False
            self._next = now + backoff(self._tries, base=_TRY_BASE, cap=_TRY_CAP, roll=roll)
        return TokenAction.REPEAT

    def seconds_to_wait(self, now: float) -> float:
        """Seconds until a request may go out: 0 while somebody is served."""
        return max(0.0, self._next - now) if self._is_closed() else 0.0

    def record_sent(self, now: float) -> None:
        """A request goes out: where nobody is served, it is the one that tries."""
        if self._is_closed():
            self._trying = True
            self._next = now + _OUT

    def _is_worth_renewing(self, since: float, now: float) -> bool:
        if not self._renewals:
            return self.proven or since - self._got_at >= FRESH
        return (
            self._row >= MANY and self.proven and now - since >= _UNSERVED and now - self._got_at >= _BETWEEN
        )

    def _is_closed(self) -> bool:
        """Whether nobody is served, so that requests go out one at a time."""
        return self._since is not None and (not self.proven or self._row >= MANY)
