"""API tokens exchanged for access tokens, in turn with all workers of the organization.

A refusal is remembered for all of them, for longer each time, so that neither many processes nor one `resume`
after the other get an account locked. A mended credential is to be tried at once, though. So two credentials
are told apart by a tag of 16 bits, made slowly (scrypt) and with one salt everywhere: whoever reads or writes
in Redis learns these 16 bits of a token of hundreds, and of a refused one what is odd about its shape; each
guess that they leave over costs some 50 ms. Where two credentials have the same tag (one in 65,536), the
mended one waits for the pause to end.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final
from urllib.parse import urlencode

import aiohttp
import structlog
from msgspec.structs import replace
from pydantic import SecretStr

from worker.api.credentials import CredentialRejectedError
from worker.api.exchange_lock import ExchangeLock
from worker.api.session import post
from worker.core.answer import NoReply, Reply
from worker.core.exchange import Granted, Refused, Unavailable, pause, read_exchange
from worker.core.known_secrets import KnownSecrets
from worker.core.redact import redact
from worker.core.retry_after import their_now
from worker.core.token_text import oddity
from worker.store.exchanges import TURN_SECONDS, Ended, Kind, Turn

PATH: Final = "/csp/gateway/am/api/auth/api-tokens/authorize"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}

_SHORT_PAUSE: Final = 5.0
"""Seconds: a pause after a refusal that is waited for; a person is told of a longer one."""
_MAX_WAIT: Final = 10.0
"""Seconds that a turn is waited for before whoever wants it looks whether it is still of use."""
_POLL: Final = 0.1
"""Seconds between two looks at whether another's turn is over."""
_CURE: Final = "put a valid token of an organization owner in place, then resume the job"

log = structlog.get_logger(__name__)


class TokenUnavailableError(Exception):
    """No access token was to be had this time; trying again may help."""


class TokenExchange:
    """One per worker process. `now` is a monotonic clock, `wall` one since the epoch, both in seconds."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        lock: ExchangeLock,
        now: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._lock = lock
        self._now = now
        self._wall = wall
        self._recovering: set[str] = set()
        """Organizations whose credential was refused, and served with no request since."""

    async def grant(self, org_id: str, api_token: SecretStr) -> tuple[Granted, float]:
        """An access token for `api_token`, and when it was asked for, from when on its life counts.

        Raises `CredentialRejectedError` or `TokenUnavailableError`.
        """
        turn = await self._acquire(org_id, api_token)
        asked_at = self._now()
        ended = Ended()
        renewal = asyncio.create_task(self._renew_lock(org_id))
        try:
            verdict = await self._exchange_twice(api_token)
            ended = await self._ending(verdict, turn, api_token)
        finally:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)
            await self._lock.release(org_id, ended)
        if not isinstance(verdict, Granted):
            raise self._error(Turn(ended.pause, kind=ended.kind, message=ended.message), waited=True)
        if turn.kind == Kind.REFUSED:
            self._recovering.add(org_id)
        return verdict, asked_at

    async def confirm(self, org_id: str) -> None:
        """A request with the organization's token was let in: what was refused before counts no more."""
        if org_id in self._recovering:
            self._recovering.discard(org_id)
            await self._lock.release(org_id, Ended(Kind.SERVED))

    async def record_refused_tokens(self, org_id: str, api_token: SecretStr) -> None:
        """The access tokens granted for `api_token` are refused, all of them, for a minute."""
        turn = await self._lock.acquire(org_id, other_credential=True)
        verdict = Refused("HTTP 401 to its access tokens")
        await self._lock.release(org_id, await self._ending(verdict, turn, api_token))

    async def _acquire(self, org_id: str, api_token: SecretStr) -> Turn:
        """Waits for the turn. Raises as `grant` does where it is not worth waiting for."""
        other_credential = waited = False
        ends = asyncio.get_running_loop().time() + _MAX_WAIT
        while True:
            turn = await self._lock.acquire(org_id, other_credential=other_credential)
            if turn.pause and turn.kind == Kind.REFUSED and not other_credential:
                other_credential = turn.tag != await _tag(api_token)
                if other_credential:
                    continue
            if turn.pause:
                raise self._error(turn, waited=waited)
            if not turn.busy:
                return turn
            if asyncio.get_running_loop().time() >= ends:
                raise TokenUnavailableError("token exchange: another worker's takes long")
            waited = True
            await asyncio.sleep(min(turn.busy, _POLL * (1 + random.random())))

    def _error(self, turn: Turn, *, waited: bool) -> Exception:
        """What another exchange came to: theirs who waited for it, and theirs who come after it."""
        message = redact(turn.message)  # Others may write it.
        when = time.strftime("%H:%M:%S", time.gmtime(self._wall() + turn.pause))
        if turn.kind == Kind.REFUSED and waited:
            return CredentialRejectedError(f"{message}: {_CURE}")
        if turn.pause <= _SHORT_PAUSE:
            return TokenUnavailableError(message)
        if turn.kind == Kind.REFUSED:
            return CredentialRejectedError(f"{message}; not asked about again before {when} UTC: {_CURE}")
        return TokenUnavailableError(f"{message}; asked again at {when} UTC")

    async def _renew_lock(self, org_id: str) -> None:
        """Renews the turn for as long as the exchange takes."""
        while True:
            await asyncio.sleep(TURN_SECONDS / 3)
            await self._lock.acquire(org_id, other_credential=True)

    async def _ending(
        self, verdict: Granted | Refused | Unavailable, turn: Turn, api_token: SecretStr
    ) -> Ended:
        if isinstance(verdict, Granted):
            return Ended(Kind.GRANTED)
        refused = isinstance(verdict, Refused)
        kind = Kind.REFUSED if refused else Kind.UNAVAILABLE
        failures = turn.failures + 1 if turn.kind == kind else 1
        peculiarity = oddity(api_token.get_secret_value())
        message = (
            f"the API token was refused ({verdict.why})" if refused else f"token exchange: {verdict.why}"
        )
        message += f"; {peculiarity}" if refused and peculiarity else ""
        tag = await _tag(api_token) if refused else ""
        return Ended(kind, pause(verdict, failures, random.random()), failures, tag, message)

    async def _exchange_twice(self, api_token: SecretStr) -> Granted | Refused | Unavailable:
        # A healthy service has been seen to refuse once in a while: a refusal is asked again.
        verdict = await self._exchange_once(api_token)
        return await self._exchange_once(api_token) if isinstance(verdict, Refused) else verdict

    async def _exchange_once(self, api_token: SecretStr) -> Granted | Refused | Unavailable:
        secret = api_token.get_secret_value()
        reply = await post(self._session, PATH, urlencode({"api_token": secret}).encode(), _FORM)
        now = self._server_time(reply)
        verdict = read_exchange(reply, now)
        if isinstance(verdict, Refused) and isinstance(reply, Reply):
            # The API echoes at least the end of what it refuses; here we know the whole of it.
            hidden = KnownSecrets((secret,)).hide(reply.body.decode(errors="surrogateescape"))
            verdict = read_exchange(replace(reply, body=hidden.encode(errors="surrogateescape")), now)
        return verdict

    def _server_time(self, reply: Reply | NoReply) -> float:
        date = reply.headers.get("Date") if isinstance(reply, Reply) else None
        return their_now(date, self._wall())


async def _tag(api_token: SecretStr) -> str:
    return await asyncio.to_thread(tag_of, api_token)


@lru_cache(maxsize=4)
def tag_of(api_token: SecretStr) -> str:
    """Tells most credentials apart, and none by guessing; see above. Takes some 50 ms at first.

    Kept, since it is asked for again with each request that comes while a credential is refused.
    """
    secret = api_token.get_secret_value().encode()
    # The salt is the same for all organizations, or each would give away 16 bits more.
    return hashlib.scrypt(secret, salt=b"bulk-activate exchange", n=1 << 14, r=8, p=1, dklen=2).hex()
