"""Access tokens: cached by organization, renewed early and once for all, held back where they are refused."""

import asyncio
import contextlib
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import structlog
from pydantic import SecretStr

from worker.api.credentials import CredentialRejectedError, api_token_of
from worker.api.exchanges import Exchanges, TokenUnavailableError
from worker.api.turns import LocalTurns, Turns
from worker.core.lifetime import renew_after
from worker.core.ownership import objection
from worker.core.token_text import access_oddity
from worker.core.trust import Then, Trust
from worker.settings import Settings

_PATIENCE: Final = 8.0
"""Seconds that a request waits for its try of a refused token: more than lie between two tries."""

_RENEW_AGAIN: Final = 1.0
"""Seconds until a renewal that failed is tried again, while the present token is good."""

log = structlog.get_logger(__name__)


class NotOwnerError(Exception):
    """The access token's claims say that the organization will refuse it. The message holds no secret."""


@dataclass(slots=True)
class _Cached:
    """One organization's token. The lock makes the first who needs a new one fetch it for all."""

    trust: Trust
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: SecretStr | None = None
    api_token: SecretStr | None = None
    """What it was exchanged for."""
    objection: str | None = None
    """Why the API will refuse the token, by its own claims."""
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    """The token and what it was exchanged for, to be taken out of whatever echoes them."""
    renew_at: float = 0.0
    ends_at: float = 0.0
    failed: tuple[type[Exception], str] | None = None
    """How the last exchange that failed did so: those who waited for it share it, and do not ask again."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set and cleared at once where those who wait for their try are to look again."""

    def is_good(self, now: float) -> bool:
        return self.token is not None and now < self.ends_at

    def is_present(self, token: str) -> bool:
        return self.token is not None and self.token.get_secret_value() == token

    def keep(self, org_id: str, token: SecretStr, now: float) -> None:
        given = (token,) if self.api_token is None else (token, self.api_token)
        self.token = token
        self.secrets = tuple(secret.get_secret_value().encode() for secret in given)
        self.objection = objection(token.get_secret_value(), org_id)
        self.trust.got(now)
        self.tell()

    def tell(self) -> None:
        self.news.set()
        self.news.clear()


class AccessTokens:
    """One per worker process. `now` is a monotonic clock in seconds."""

    def __init__(
        self,
        settings: Settings,
        session: aiohttp.ClientSession,
        now: Callable[[], float],
        turns: Turns | None = None,
    ) -> None:
        """`turns`: taken with other processes; without it there is no other."""
        self._settings = settings
        self._now = now
        self._exchanges = Exchanges(session, turns or LocalTurns(now), now)
        self._cached: dict[str, _Cached] = {}

    async def get(self, org_id: str) -> str:
        """An access token that is good for now, to send a request with at once.

        Raises `CredentialRejectedError`, `NotOwnerError` or `TokenUnavailableError`.
        """
        while True:
            token = await self.ready(org_id)
            if not self._cached[org_id].trust.wait(self._now()):
                self._cached[org_id].trust.sent(self._now())
                return token

    async def ready(self, org_id: str) -> str:
        """Waits until there is an access token, and nothing speaks against a request with it.

        Raises as `get` does.
        """
        token = await self.look(org_id)
        cached = self._cached[org_id]
        if cached.objection is not None:
            raise NotOwnerError(cached.objection)
        if cached.trust.wait(self._now()):
            await self._wait_for_try(cached)
            token = await self.look(org_id)
        return token

    def is_ready(self, org_id: str) -> bool:
        """Whether it still is so, for one who waited for something else meanwhile.

        A token that has ended is: the first who comes then renews it, or one that lives for less than such
        a wait would never be used. Others wait for that in `ready`.
        """
        cached, now = self._cached.get(org_id), self._now()
        if cached is None or cached.token is None or cached.trust.wait(now):
            return False
        return cached.is_good(now) or not cached.lock.locked()

    def take(self, org_id: str) -> str | None:
        """The access token, to send a request with at once; None where `get` has to wait for one."""
        cached, now = self._cached.get(org_id), self._now()
        if cached is None or cached.token is None or not cached.is_good(now) or cached.trust.wait(now):
            return None
        cached.trust.sent(now)
        return cached.token.get_secret_value()

    async def look(self, org_id: str) -> str:
        """The same, whatever its claims and the API say of it.

        Raises `CredentialRejectedError` or `TokenUnavailableError`.
        """
        given = self._settings.access_token
        cached = self._cached.setdefault(org_id, _Cached(Trust(renewable=given is None)))
        if given is not None:
            if cached.token is None:
                cached.keep(org_id, given, self._now())
                cached.ends_at = math.inf
        elif self._is_due(cached) and not (cached.lock.locked() and cached.is_good(self._now())):
            # Else another renews it, and the present one is good until then.
            known = cached.failed
            async with cached.lock:
                if self._is_due(cached):
                    if (failed := cached.failed) is not None and failed is not known:
                        kind, message = failed
                        raise kind(message)
                    await self._renew(org_id, cached)
        assert cached.token is not None
        return cached.token.get_secret_value()

    async def refused(self, org_id: str, token: str, *, by_api: bool = True) -> Then:
        """The API answered 401 to a request with `token`, or somebody before it did. What is to be done.

        With RENEW the next `get` has another token, with AGAIN the same in its time; with GIVE_UP a person
        has to see to the credential.
        """
        cached = self._cached.get(org_id)
        if cached is None or not cached.is_present(token):
            return Then.RENEW
        then = cached.trust.refused(self._now(), random.random(), by_api=by_api)
        if then is not Then.AGAIN:
            cached.token = None
            cached.tell()
        if then is Then.GIVE_UP and cached.api_token is not None:
            await self._exchanges.give_up(org_id, cached.api_token)
        return then

    async def accepted(self, org_id: str, token: str) -> None:
        """The API let a request with `token` in."""
        cached = self._cached.get(org_id)
        if cached is None or not cached.is_present(token):
            return
        if not cached.trust.proven:
            await self._exchanges.served(org_id)
        cached.trust.accepted()
        cached.tell()

    def secrets(self, org_id: str) -> Sequence[bytes]:
        """What no answer about the organization may be seen to hold."""
        cached = self._cached.get(org_id)
        return () if cached is None else cached.secrets

    def oddity(self) -> str:
        """What is odd about a ready access token that is refused; '' for those that were exchanged."""
        given = self._settings.access_token
        return "" if given is None else access_oddity(given.get_secret_value())

    def _is_due(self, cached: _Cached) -> bool:
        now = self._now()
        return now >= cached.renew_at or not cached.is_good(now)

    async def _renew(self, org_id: str, cached: _Cached) -> None:
        try:
            api_token = await asyncio.to_thread(api_token_of, org_id, self._settings)
            granted, asked_at = await self._exchanges.grant(org_id, api_token)
        except (CredentialRejectedError, TokenUnavailableError) as error:
            cached.failed = (type(error), str(error))
            now = self._now()
            if isinstance(error, TokenUnavailableError) and cached.is_good(now):
                cached.renew_at = now + _RENEW_AGAIN
                return
            raise
        cached.api_token = api_token
        cached.keep(org_id, SecretStr(granted.access_token), asked_at)
        cached.renew_at = asked_at + renew_after(granted.lifetime)
        cached.ends_at = asked_at + granted.lifetime
        log.info("access token renewed", org_id=org_id, expires_in=granted.lifetime)

    async def _wait_for_try(self, cached: _Cached) -> None:
        """Where the token was refused and nobody served since, requests go out one at a time."""
        try:
            async with asyncio.timeout(_PATIENCE):
                while wait := cached.trust.wait(self._now()):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(cached.news.wait(), wait)
        except TimeoutError:
            raise TokenUnavailableError("the access token is refused (HTTP 401); it is tried again") from None
