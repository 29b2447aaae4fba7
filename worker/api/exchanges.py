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
from worker.api.session import post
from worker.api.turns import Turns
from worker.core.answer import NoReply, Reply
from worker.core.exchange import Granted, Refused, Unavailable, pause, read_exchange
from worker.core.known_secrets import KnownSecrets
from worker.core.redact import redact
from worker.core.retry_after import their_now
from worker.core.token_text import oddity
from worker.store.exchanges import TURN_SECONDS, Ended, Kind, Turn

PATH: Final = "/csp/gateway/am/api/auth/api-tokens/authorize"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}

_SHORT: Final = 5.0
"""Seconds: a pause after a refusal that is waited for; a person is told of a longer one."""
_LONGEST_WAIT: Final = 10.0
"""Seconds that a turn is waited for before whoever wants it looks whether it is still of use."""
_LOOK: Final = 0.1
"""Seconds between two looks at whether another's turn is over."""
_MEND: Final = "put a valid token of an organization owner in place, then resume the job"

log = structlog.get_logger(__name__)


class TokenUnavailableError(Exception):
    """No access token was to be had this time; trying again may help."""


class Exchanges:
    """One per worker process. `now` is a monotonic clock, `wall` one since the epoch, both in seconds."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        turns: Turns,
        now: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._turns = turns
        self._now = now
        self._wall = wall
        self._doubted: set[str] = set()
        """Organizations whose credential was refused, and served with no request since."""

    async def grant(self, org_id: str, api_token: SecretStr) -> tuple[Granted, float]:
        """An access token for `api_token`, and when it was asked for, from when on its life counts.

        Raises `CredentialRejectedError` or `TokenUnavailableError`.
        """
        turn = await self._turn(org_id, api_token)
        asked_at = self._now()
        ended = Ended()
        keeper = asyncio.create_task(self._keep(org_id))
        try:
            said = await self._ask(api_token)
            ended = await self._ended(said, turn, api_token)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await self._turns.end(org_id, ended)
        if not isinstance(said, Granted):
            raise self._paused(Turn(ended.pause, kind=ended.kind, message=ended.message), waited=True)
        if turn.kind == Kind.REFUSED:
            self._doubted.add(org_id)
        return said, asked_at

    async def served(self, org_id: str) -> None:
        """A request with the organization's token was let in: what was refused before counts no more."""
        if org_id in self._doubted:
            self._doubted.discard(org_id)
            await self._turns.end(org_id, Ended(Kind.SERVED))

    async def give_up(self, org_id: str, api_token: SecretStr) -> None:
        """The access tokens granted for `api_token` are refused, all of them, for a minute."""
        turn = await self._turns.begin(org_id, mended=True)
        said = Refused("HTTP 401 to its access tokens")
        await self._turns.end(org_id, await self._ended(said, turn, api_token))

    async def _turn(self, org_id: str, api_token: SecretStr) -> Turn:
        """Waits for the turn. Raises as `grant` does where it is not worth waiting for."""
        mended = waited = False
        ends = asyncio.get_running_loop().time() + _LONGEST_WAIT
        while True:
            turn = await self._turns.begin(org_id, mended=mended)
            if turn.pause and turn.kind == Kind.REFUSED and not mended:
                mended = turn.tag != await _tag(api_token)
                if mended:
                    continue
            if turn.pause:
                raise self._paused(turn, waited=waited)
            if not turn.busy:
                return turn
            if asyncio.get_running_loop().time() >= ends:
                raise TokenUnavailableError("token exchange: another worker's takes long")
            waited = True
            await asyncio.sleep(min(turn.busy, _LOOK * (1 + random.random())))

    def _paused(self, turn: Turn, *, waited: bool) -> Exception:
        """What another exchange came to: theirs who waited for it, and theirs who come after it."""
        message = redact(turn.message)  # Others may write it.
        when = time.strftime("%H:%M:%S", time.gmtime(self._wall() + turn.pause))
        if turn.kind == Kind.REFUSED and waited:
            return CredentialRejectedError(f"{message}: {_MEND}")
        if turn.pause <= _SHORT:
            return TokenUnavailableError(message)
        if turn.kind == Kind.REFUSED:
            return CredentialRejectedError(f"{message}; not asked about again before {when} UTC: {_MEND}")
        return TokenUnavailableError(f"{message}; asked again at {when} UTC")

    async def _keep(self, org_id: str) -> None:
        """Renews the turn for as long as the exchange takes."""
        while True:
            await asyncio.sleep(TURN_SECONDS / 3)
            await self._turns.begin(org_id, mended=True)

    async def _ended(self, said: Granted | Refused | Unavailable, turn: Turn, api_token: SecretStr) -> Ended:
        if isinstance(said, Granted):
            return Ended(Kind.GRANTED)
        refused = isinstance(said, Refused)
        kind = Kind.REFUSED if refused else Kind.UNAVAILABLE
        failures = turn.failures + 1 if turn.kind == kind else 1
        odd = oddity(api_token.get_secret_value())
        message = f"the API token was refused ({said.why})" if refused else f"token exchange: {said.why}"
        message += f"; {odd}" if refused and odd else ""
        tag = await _tag(api_token) if refused else ""
        return Ended(kind, pause(said, failures, random.random()), failures, tag, message)

    async def _ask(self, api_token: SecretStr) -> Granted | Refused | Unavailable:
        # A healthy service has been seen to refuse once in a while: a refusal is asked again.
        said = await self._ask_once(api_token)
        return await self._ask_once(api_token) if isinstance(said, Refused) else said

    async def _ask_once(self, api_token: SecretStr) -> Granted | Refused | Unavailable:
        secret = api_token.get_secret_value()
        reply = await post(self._session, PATH, urlencode({"api_token": secret}).encode(), _FORM)
        now = self._their_now(reply)
        said = read_exchange(reply, now)
        if isinstance(said, Refused) and isinstance(reply, Reply):
            # The API echoes at least the end of what it refuses; here we know the whole of it.
            hidden = KnownSecrets((secret,)).hide(reply.body.decode(errors="surrogateescape"))
            said = read_exchange(replace(reply, body=hidden.encode(errors="surrogateescape")), now)
        return said

    def _their_now(self, reply: Reply | NoReply) -> float:
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
