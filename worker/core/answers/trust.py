"""Decides what to do about a rejected access token: renew it, try it again, or give up.

A new token may be rejected for some seconds, since it reaches the API's nodes one after the other, or by some
nodes for longer. A single 401 does not distinguish that from a token that was revoked or has expired. So:

a rejected token                                        then
------------------------------------------------------  ------------------------------------------------
that has been replaced by another                       RENEW    sent again at once with that one
that was accepted before, or is a minute old            RENEW    the first time
that was accepted before, but not for seconds           RENEW    every ten seconds at most
any other                                               REPEAT   after a delay that grows
without any accepted request for a minute               GIVE_UP  the job pauses for an operator

While no request is accepted, requests go out one at a time, so that they do not lock the account: after the
first rejection of a token that was never accepted, after the eighth in a row of another.
Times are in seconds, on any clock that only goes forward.
"""

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from worker.core.backoff import backoff

FRESH: Final = 60.0
"""Age in seconds below which a token that was never accepted may still be unknown to some nodes of the
API."""
MAX_UNSERVED: Final = 60.0
"""Seconds without an accepted request after which the job pauses for a person."""
MAX_UNSERVED_READY: Final = 2.0
"""The same for an access token from the settings that was never accepted: it may have expired."""
MAX_REJECTIONS: Final = 8
"""401s in a row after which a token that was accepted before is taken to be invalid."""
_MIN_UNSERVED: Final = 2.0
_RENEWAL_INTERVAL: Final = 10.0
"""Minimum seconds without an accepted request, and between renewals, to renew a token that was accepted
once."""
_FORGET_AFTER: Final = 300.0
"""Seconds without a 401 after which earlier ones are forgotten."""
_NEW_ROW_AFTER: Final = 60.0
"""Seconds without a 401 after which the next begins a new row: no request was made meanwhile."""
_TRY_BASE: Final = 0.25
_TRY_CAP: Final = 3.0
_TRY_TIMEOUT: Final = 1.0
"""Seconds to wait for the answer to a try before the next."""


class TokenAction(Enum):
    RENEW = auto()
    REPEAT = auto()
    GIVE_UP = auto()


@dataclass(slots=True)
class TokenTrust:
    """How far the access tokens of one organization are trusted, in one process."""

    renewable: bool = True
    proven: bool = False
    """Whether the API has accepted a request with the present token."""
    _got_at: float = -math.inf
    _since: float | None = None
    """Time of the first 401 after which no request was accepted."""
    _last: float = -math.inf
    _renewals: int = 0
    _row: int = 0
    """401s in a row since then."""
    _tries: int = 0
    _trying: bool = False
    _next: float = 0.0

    def record_grant(self, now: float) -> None:
        """Records a new token, requested at `now`."""
        self.proven = False
        self._got_at = now
        self._next = now

    def mark_accepted(self) -> None:
        self.proven = True
        self._since = None
        self._row = self._tries = 0
        self._trying = False

    @property
    def is_unquestioned(self) -> bool:
        """Whether the present token was accepted, and no refusal came since."""
        return self.proven and self._since is None

    def mark_rejected(self, now: float, roll: float, *, by_api: bool = True) -> TokenAction:
        """What to do after a 401 to the present token. `roll`: random number in [0, 1), for jitter.

        `by_api`: the 401 came from the API itself, with a JSON object. Otherwise it may be a proxy that asks
        for a login, and the job never pauses for it.
        """
        if now - self._last > _FORGET_AFTER:
            self._renewals = 0
        if self._since is None or now - self._last > _NEW_ROW_AFTER:
            self._since = now
            self._row = self._tries = 0
        self._last = now
        self._row += 1
        unserved = now - self._since
        if unserved >= (MAX_UNSERVED if self.renewable or self.proven else MAX_UNSERVED_READY):
            # Counted anew after an operator has resumed the job.
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
        """Seconds until the next request may be sent; 0 while requests are accepted."""
        return max(0.0, self._next - now) if self._is_closed() else 0.0

    def record_sent(self, now: float) -> None:
        """Records a request: while none is accepted, it is the one that tries the token."""
        if self._is_closed():
            self._trying = True
            self._next = now + _TRY_TIMEOUT

    def _is_worth_renewing(self, since: float, now: float) -> bool:
        if not self._renewals:
            return self.proven or since - self._got_at >= FRESH
        return (
            self._row >= MAX_REJECTIONS
            and self.proven
            and now - since >= _MIN_UNSERVED
            and now - self._got_at >= _RENEWAL_INTERVAL
        )

    def _is_closed(self) -> bool:
        """Whether no request is accepted, so that they go out one at a time."""
        return self._since is not None and (not self.proven or self._row >= MAX_REJECTIONS)
