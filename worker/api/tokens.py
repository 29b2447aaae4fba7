"""Access tokens, cached by organization: renewed early, once for all requests, and tested after a refusal."""

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
from worker.api.exchange_lock import ExchangeLock, LocalExchangeLock
from worker.api.token_exchange import TokenExchange, TokenUnavailableError
from worker.core.access.lifetime import renew_after
from worker.core.access.ownership import objection
from worker.core.access.token_text import access_oddity
from worker.core.answers.trust import TokenAction, TokenTrust
from worker.settings import Settings

_MAX_WAIT: Final = 8.0
"""Seconds that a request waits for its trial of a refused token. More than lie between two trials."""

_RENEW_AGAIN: Final = 1.0
"""Seconds until a failed renewal is tried again, while the current token is valid."""

log = structlog.get_logger(__name__)


class NotOwnerError(Exception):
    """The claims of the access token say that the organization will refuse it. Contains no secret."""


@dataclass(slots=True)
class _Entry:
    """The token of one organization. The lock makes one request fetch a new token for all."""

    trust: TokenTrust
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: SecretStr | None = None
    api_token: SecretStr | None = None
    """The API token that was exchanged for `token`."""
    objection: str | None = None
    """Why the API will refuse the token, according to its claims."""
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    """The access token and the API token, which are hidden in answers."""
    renew_at: float = 0.0
    ends_at: float = 0.0
    failed: tuple[type[Exception], str] | None = None
    """The error of the last failed exchange, shared by all requests that waited for it."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set and cleared at once to wake requests that wait for a trial."""

    def is_good(self, now: float) -> bool:
        return self.token is not None and now < self.ends_at

    def is_present(self, token: str) -> bool:
        return self.token is not None and self.token.get_secret_value() == token

    def store(self, org_id: str, token: SecretStr, now: float) -> None:
        given = (token,) if self.api_token is None else (token, self.api_token)
        self.token = token
        self.secrets = tuple(secret.get_secret_value().encode() for secret in given)
        self.objection = objection(token.get_secret_value(), org_id)
        self.trust.record_grant(now)
        self.notify()

    def notify(self) -> None:
        self.changed.set()
        self.changed.clear()


class AccessTokens:
    """The access tokens of one worker process. `now` is a monotonic clock in seconds."""

    def __init__(
        self,
        settings: Settings,
        session: aiohttp.ClientSession,
        now: Callable[[], float],
        lock: ExchangeLock | None = None,
    ) -> None:
        """`lock` is shared with other processes; without it this is the only one."""
        self._settings = settings
        self._now = now
        self._exchange = TokenExchange(session, lock or LocalExchangeLock(now), now)
        self._entries: dict[str, _Entry] = {}

    async def get(self, org_id: str) -> str:
        """Returns an access token for a request that is sent at once; waits until there is one.

        Raises `CredentialRejectedError`, `NotOwnerError` or `TokenUnavailableError`.
        """
        while True:
            token = await self.ready(org_id)
            if not self._entries[org_id].trust.seconds_to_wait(self._now()):
                self._entries[org_id].trust.record_sent(self._now())
                return token

    async def ready(self, org_id: str) -> str:
        """Waits until there is an access token and it may be used; does not count it as used.

        Raises as `get` does.
        """
        token = await self.current(org_id)
        entry = self._entries[org_id]
        if entry.objection is not None:
            raise NotOwnerError(entry.objection)
        if entry.trust.seconds_to_wait(self._now()):
            await self._wait_for_trial(entry)
            token = await self.current(org_id)
        return token

    def is_ready(self, org_id: str) -> bool:
        """Whether a request may still be sent, after a wait for something else since `ready`.

        True for an expired token that nobody is renewing: the request then renews it. Otherwise a token whose
        lifetime is shorter than that wait would never be used.
        """
        entry, now = self._entries.get(org_id), self._now()
        if entry is None or entry.token is None or entry.objection or entry.trust.seconds_to_wait(now):
            return False
        return entry.is_good(now) or not entry.lock.locked()

    def take(self, org_id: str) -> str | None:
        """The access token for a request that is sent at once; None if `get` would have to wait."""
        entry, now = self._entries.get(org_id), self._now()
        if entry is None or entry.token is None or not entry.is_good(now) or entry.trust.seconds_to_wait(now):
            return None
        entry.trust.record_sent(now)
        return entry.token.get_secret_value()

    async def current(self, org_id: str) -> str:
        """The access token, renewed if due, even if its claims or the API speak against it.

        Raises `CredentialRejectedError` or `TokenUnavailableError`.
        """
        given = self._settings.access_token
        entry = self._entries.setdefault(org_id, _Entry(TokenTrust(renewable=given is None)))
        if given is not None:
            if entry.token is None:
                entry.store(org_id, given, self._now())
                entry.ends_at = math.inf
        elif self._is_due(entry) and not (entry.lock.locked() and entry.is_good(self._now())):
            # Otherwise another request is renewing it, and the current one is still valid.
            before = entry.failed
            async with entry.lock:
                if self._is_due(entry):
                    if (failed := entry.failed) is not None and failed is not before:
                        kind, message = failed
                        raise kind(message)
                    await self._renew(org_id, entry)
        assert entry.token is not None
        return entry.token.get_secret_value()

    async def mark_rejected(self, org_id: str, token: str, *, by_api: bool = True) -> TokenAction:
        """Records a 401 to a request with `token`, from the API or (not `by_api`) a gateway. Returns what to
        do.

        With RENEW the next `get` has another token, with AGAIN the same in its time; with GIVE_UP a person
        has to see to the credential.
        """
        entry = self._entries.get(org_id)
        if entry is None or not entry.is_present(token):
            return TokenAction.RENEW
        token_action = entry.trust.mark_rejected(self._now(), random.random(), by_api=by_api)
        if token_action is not TokenAction.REPEAT:
            entry.token = None
            entry.notify()
        if token_action is TokenAction.GIVE_UP and entry.api_token is not None:
            await self._exchange.record_refused_tokens(org_id, entry.api_token)
        return token_action

    def is_accepted(self, org_id: str, token: str) -> bool:
        """Whether the API accepted requests with `token`, and refused none since: nothing is to be noted."""
        entry = self._entries.get(org_id)
        return entry is not None and entry.trust.is_unquestioned and entry.is_present(token)

    async def mark_accepted(self, org_id: str, token: str) -> None:
        """Records that the API accepted a request with `token`."""
        entry = self._entries.get(org_id)
        if entry is None or not entry.is_present(token):
            return
        if not entry.trust.proven:
            await self._exchange.confirm(org_id)
        entry.trust.mark_accepted()
        entry.notify()

    def secrets(self, org_id: str) -> Sequence[bytes]:
        """The organization's tokens, which must be hidden in answers."""
        entry = self._entries.get(org_id)
        return () if entry is None else entry.secrets

    def oddity(self) -> str:
        """What is unusual about the shape of a configured access token; '' for exchanged ones."""
        given = self._settings.access_token
        return "" if given is None else access_oddity(given.get_secret_value())

    def _is_due(self, entry: _Entry) -> bool:
        now = self._now()
        return now >= entry.renew_at or not entry.is_good(now)

    async def _renew(self, org_id: str, entry: _Entry) -> None:
        try:
            api_token = await asyncio.to_thread(api_token_of, org_id, self._settings)
            granted, asked_at = await self._exchange.grant(org_id, api_token)
        except (CredentialRejectedError, TokenUnavailableError) as error:
            entry.failed = (type(error), str(error))
            now = self._now()
            if isinstance(error, TokenUnavailableError) and entry.is_good(now):
                entry.renew_at = now + _RENEW_AGAIN
                return
            raise
        entry.api_token = api_token
        entry.store(org_id, SecretStr(granted.access_token), asked_at)
        entry.renew_at = asked_at + renew_after(granted.lifetime)
        entry.ends_at = asked_at + granted.lifetime
        log.info("access token renewed", org_id=org_id, expires_in=granted.lifetime)

    async def _wait_for_trial(self, entry: _Entry) -> None:
        """Waits for a trial: after a refusal, requests are sent one at a time until one is accepted."""
        try:
            async with asyncio.timeout(_MAX_WAIT):
                while wait := entry.trust.seconds_to_wait(self._now()):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(entry.changed.wait(), wait)
        except TimeoutError:
            raise TokenUnavailableError("the access token is refused (HTTP 401); it is tried again") from None
