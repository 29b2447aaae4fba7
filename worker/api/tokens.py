"""Access tokens: exchanged from an owner's API token, cached, renewed early, once for all who wait."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import aiohttp
import msgspec
import structlog
from pydantic import SecretStr

from worker.api.credentials import CredentialRejectedError, api_token_of
from worker.api.session import post
from worker.core.answer import NoReply, Reply, error_message
from worker.core.lifetime import renew_after
from worker.core.ownership import objection
from worker.settings import Settings

PATH: Final = "/csp/gateway/am/api/auth/api-tokens/authorize"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_REFUSALS: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
)

log = structlog.get_logger(__name__)


class NotOwnerError(Exception):
    """The access token's claims say that the organization will refuse it. The message holds no secret."""


class TokenUnavailableError(Exception):
    """No access token was to be had this time; trying again may help."""


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: float = 1799.0


@dataclass(slots=True)
class _Cached:
    """One organization's token. The lock makes the first who needs a new one fetch it for all."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: SecretStr | None = None
    proven: bool = False
    """Whether the API has accepted the token since it was got."""
    objection: str | None = None
    """Why the API will refuse the token, by its own claims."""
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    """The token and what it was exchanged for, to be taken out of whatever echoes them."""
    renew_at: float = 0.0
    failed: tuple[type[Exception], str] | None = None
    """How the last exchange that failed did so: those who waited for it share it, and do not ask again."""


class AccessTokens:
    """One per worker process. `now` is a monotonic clock in seconds."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, now: Callable[[], float]) -> None:
        self._settings = settings
        self._session = session
        self._now = now
        self._cached: dict[str, _Cached] = {}

    async def get(self, org_id: str) -> str:
        """An access token that is good for now.

        Raises `CredentialRejectedError`, `NotOwnerError` or `TokenUnavailableError`.
        """
        token = await self.look(org_id)
        if (objection := self._cached[org_id].objection) is not None:
            raise NotOwnerError(objection)
        return token

    async def look(self, org_id: str) -> str:
        """The same, whatever its claims say of the organization.

        Raises `CredentialRejectedError` or `TokenUnavailableError`.
        """
        cached = self._cached.setdefault(org_id, _Cached())
        if (given := self._settings.access_token) is not None:
            if cached.token is None:
                _keep(cached, org_id, given)
        elif self._is_due(cached):
            known = cached.failed
            async with cached.lock:
                if self._is_due(cached):
                    if (failed := cached.failed) is not None and failed is not known:
                        kind, message = failed
                        raise kind(message)
                    await self._renew(org_id, cached)
        assert cached.token is not None
        return cached.token.get_secret_value()

    def refused(self, org_id: str, token: str) -> bool:
        """The API answered 401 to `token`: the next `get` fetches another, unless one did already.

        Whether the token was accepted from others, so that the refusal says little of the credential.
        """
        cached = self._cached.get(org_id)
        if cached is None or cached.token is None or cached.token.get_secret_value() != token:
            return False
        proven, cached.token = cached.proven, None
        return proven

    def accepted(self, org_id: str, token: str) -> None:
        """The API let a request with `token` in."""
        cached = self._cached.get(org_id)
        if cached is not None and cached.token is not None and cached.token.get_secret_value() == token:
            cached.proven = True

    def secrets(self, org_id: str) -> Sequence[bytes]:
        """What no answer about the organization may be seen to hold."""
        cached = self._cached.get(org_id)
        return () if cached is None else cached.secrets

    def _is_due(self, cached: _Cached) -> bool:
        return cached.token is None or self._now() >= cached.renew_at

    async def _renew(self, org_id: str, cached: _Cached) -> None:
        try:
            api_token = await asyncio.to_thread(api_token_of, org_id, self._settings)
            asked_at = self._now()
            grant = await self._exchange(api_token)
        except (CredentialRejectedError, TokenUnavailableError) as error:
            cached.failed = (type(error), str(error))
            raise
        _keep(cached, org_id, SecretStr(grant.access_token), api_token)
        cached.renew_at = asked_at + renew_after(grant.expires_in)
        log.info("access token renewed", org_id=org_id, expires_in=grant.expires_in)

    async def _exchange(self, api_token: SecretStr) -> _Grant:
        # A healthy service has been seen to refuse once in a while: a refusal is asked again.
        for last in (False, True):
            reply = await self._ask(api_token)
            if isinstance(reply, NoReply):
                raise TokenUnavailableError(f"token exchange: {reply.message}")
            if reply.status == HTTPStatus.OK:
                return _read_grant(reply)
            if reply.status not in _REFUSALS:
                raise TokenUnavailableError(f"token exchange: HTTP {reply.status}")
            if last:
                # The API echoes at least the end of what it refuses; here we know the whole of it.
                body = reply.body.replace(api_token.get_secret_value().encode(), b"[redacted]")
                raise CredentialRejectedError(
                    f"the API token was refused (HTTP {reply.status}, {error_message(body)}):"
                    " put a valid token of an organization owner in place, then resume the job"
                )
        raise AssertionError

    async def _ask(self, api_token: SecretStr) -> Reply | NoReply:
        body = urlencode({"api_token": api_token.get_secret_value()}).encode()
        return await post(self._session, PATH, body, _FORM)


def _keep(cached: _Cached, org_id: str, token: SecretStr, *exchanged: SecretStr) -> None:
    cached.token = token
    cached.secrets = tuple(secret.get_secret_value().encode() for secret in (token, *exchanged))
    cached.proven = False
    cached.objection = objection(token.get_secret_value(), org_id)


def _read_grant(reply: Reply) -> _Grant:
    try:
        grant = msgspec.json.decode(reply.body, type=_Grant, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise TokenUnavailableError("token exchange: the answer was not as documented") from None
    if not grant.access_token or not grant.access_token.isascii() or not grant.access_token.isprintable():
        raise TokenUnavailableError("token exchange: the answer held no usable token")
    return grant
