"""Exchanges API tokens for access tokens, one exchange at a time over all workers of an organization.

A refusal blocks all workers, for longer each time, so that neither many processes nor repeated `resume`s get
an account locked. A mended credential must be tried at once, though. So credentials are told apart by a tag
of 16 bits, computed slowly (scrypt) with the same salt everywhere. A reader of Redis learns these 16 of
hundreds of bits, and what is unusual about the shape of a refused token; each remaining guess costs some 50
ms. If two credentials share a tag (one in 65,536), the mended one waits until the pause ends.
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
from worker.core.access.exchange import Granted, Refused, Unavailable, pause, read_exchange
from worker.core.access.token_text import oddity
from worker.core.answers.known_secrets import KnownSecrets
from worker.core.answers.reply import NoReply, Reply
from worker.core.answers.retry_after import their_now
from worker.core.redact import redact
from worker.store.exchanges import EXCHANGE_LOCK_SECONDS, ExchangeKind, ExchangeLockReply, ExchangeResult

PATH: Final = "/csp/gateway/am/api/auth/api-tokens/authorize"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}

_SHORT_PAUSE: Final = 5.0
"""Longest pause in seconds that a job waits for; a longer one after a refusal pauses the job."""
_MAX_WAIT: Final = 10.0
"""Seconds to wait for the lock before the caller decides anew."""
_POLL: Final = 0.1
"""Seconds between two attempts to acquire the lock."""
_CURE: Final = "put a valid token of an organization owner in place, then resume the job"

log = structlog.get_logger(__name__)


class TokenUnavailableError(Exception):
    """No access token is available now; a later attempt may succeed."""


class TokenExchange:
    """The exchanges of one worker process. Clocks in seconds: `now` is monotonic, `wall` since the epoch."""

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
        """Organizations whose credential was refused before, and with no accepted request since."""

    async def grant(self, org_id: str, api_token: SecretStr) -> tuple[Granted, float]:
        """Returns an access token for `api_token`, and when it was requested: its lifetime counts from then.

        Raises `CredentialRejectedError` or `TokenUnavailableError`.
        """
        turn = await self._acquire(org_id, api_token)
        asked_at = self._now()
        ended = ExchangeResult()
        renewal = asyncio.create_task(self._renew_lock(org_id))
        try:
            verdict = await self._exchange_twice(api_token)
            ended = await self._ending(verdict, turn, api_token)
        finally:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)
            await self._lock.release(org_id, ended)
        if not isinstance(verdict, Granted):
            raise self._error(
                ExchangeLockReply(ended.pause, kind=ended.kind, message=ended.message), waited=True
            )
        if turn.kind == ExchangeKind.REFUSED:
            self._recovering.add(org_id)
        return verdict, asked_at

    async def confirm(self, org_id: str) -> None:
        """Records that a request with the organization's token was accepted; clears earlier refusals."""
        if org_id in self._recovering:
            self._recovering.discard(org_id)
            await self._lock.release(org_id, ExchangeResult(ExchangeKind.SERVED))

    async def record_refused_tokens(self, org_id: str, api_token: SecretStr) -> None:
        """Records that access tokens granted for `api_token` have all been refused for a minute."""
        turn = await self._lock.acquire(org_id, other_credential=True)
        verdict = Refused("HTTP 401 to its access tokens")
        await self._lock.release(org_id, await self._ending(verdict, turn, api_token))

    async def _acquire(self, org_id: str, api_token: SecretStr) -> ExchangeLockReply:
        """Waits for the lock. Raises as `grant` does if the wait would be too long."""
        other_credential = waited = False
        ends = asyncio.get_running_loop().time() + _MAX_WAIT
        while True:
            turn = await self._lock.acquire(org_id, other_credential=other_credential)
            if turn.pause and turn.kind == ExchangeKind.REFUSED and not other_credential:
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

    def _error(self, turn: ExchangeLockReply, *, waited: bool) -> Exception:
        """The exception for an exchange that another worker made and that failed.

        `waited`: the caller waited for that exchange, so a refusal is its own answer.
        """
        message = redact(turn.message)  # Others may have written it.
        when = time.strftime("%H:%M:%S", time.gmtime(self._wall() + turn.pause))
        if turn.kind == ExchangeKind.REFUSED and waited:
            return CredentialRejectedError(f"{message}: {_CURE}")
        if turn.pause <= _SHORT_PAUSE:
            return TokenUnavailableError(message)
        if turn.kind == ExchangeKind.REFUSED:
            return CredentialRejectedError(f"{message}; not asked about again before {when} UTC: {_CURE}")
        return TokenUnavailableError(f"{message}; asked again at {when} UTC")

    async def _renew_lock(self, org_id: str) -> None:
        """Renews the lock while the exchange lasts."""
        while True:
            await asyncio.sleep(EXCHANGE_LOCK_SECONDS / 3)
            await self._lock.acquire(org_id, other_credential=True)

    async def _ending(
        self, verdict: Granted | Refused | Unavailable, turn: ExchangeLockReply, api_token: SecretStr
    ) -> ExchangeResult:
        if isinstance(verdict, Granted):
            return ExchangeResult(ExchangeKind.GRANTED)
        refused = isinstance(verdict, Refused)
        kind = ExchangeKind.REFUSED if refused else ExchangeKind.UNAVAILABLE
        failures = turn.failures + 1 if turn.kind == kind else 1
        peculiarity = oddity(api_token.get_secret_value())
        message = (
            f"the API token was refused ({verdict.why})" if refused else f"token exchange: {verdict.why}"
        )
        message += f"; {peculiarity}" if refused and peculiarity else ""
        tag = await _tag(api_token) if refused else ""
        return ExchangeResult(kind, pause(verdict, failures, random.random()), failures, tag, message)

    async def _exchange_twice(self, api_token: SecretStr) -> Granted | Refused | Unavailable:
        # Even a healthy service was seen to refuse now and then: a refusal is tried once more.
        verdict = await self._exchange_once(api_token)
        return await self._exchange_once(api_token) if isinstance(verdict, Refused) else verdict

    async def _exchange_once(self, api_token: SecretStr) -> Granted | Refused | Unavailable:
        secret = api_token.get_secret_value()
        reply = await post(self._session, PATH, urlencode({"api_token": secret}).encode(), _FORM)
        now = self._server_time(reply)
        verdict = read_exchange(reply, now)
        if isinstance(verdict, Refused) and isinstance(reply, Reply):
            # The API echoes at least the end of a refused token; only here is it known completely.
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
    """A tag of 16 bits that tells credentials apart; see the module. Takes some 50 ms.

    Cached, since every request that comes while a credential is refused needs it.
    """
    secret = api_token.get_secret_value().encode()
    # The same salt for all organizations, or each would reveal 16 further bits.
    return hashlib.scrypt(secret, salt=b"bulk-activate exchange", n=1 << 14, r=8, p=1, dklen=2).hex()
