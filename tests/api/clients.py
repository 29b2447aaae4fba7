"""The parts of the API client, assembled for a test against a server."""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import redis.asyncio
from pydantic import SecretStr

from worker.api.client import ActivationClient
from worker.api.exchange_lock import ExchangeLock, SharedExchangeLock
from worker.api.session import make_session
from worker.api.tokens import AccessTokens
from worker.settings import Settings
from worker.store.exchanges import ExchangeStore

ORG: Final = "0f2c1d6e-0000-4000-8000-000000000001"
SECRET: Final = "AbCdEfGh-0123456789_the-api-token-of-an-owner"


@dataclass(slots=True)
class Clock:
    """A clock in seconds that a test sets."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass(frozen=True, slots=True)
class Parts:
    """Session, tokens and client of a worker process."""

    session: aiohttp.ClientSession
    tokens: AccessTokens
    client: ActivationClient


def settings_for(url: str, **changed: Any) -> Settings:
    """Settings without files, with an API token unless `changed` removes it."""
    given: dict[str, Any] = {"api_url": url, "api_token": SecretStr(SECRET), **changed}
    return Settings(**given)


def shared_lock(client: redis.asyncio.Redis) -> SharedExchangeLock:
    """The exchange lock of another worker process, for one API host."""
    return SharedExchangeLock(ExchangeStore(client, "api.test", secrets.token_hex(8)), time.monotonic)


@asynccontextmanager
async def parts(
    url: str, now: Callable[[], float] | None = None, lock: ExchangeLock | None = None, **changed: Any
) -> AsyncIterator[Parts]:
    """The parts of a client of the API at `url`, with `changed` settings."""
    settings = settings_for(url, **changed)
    async with make_session(settings) as session:
        tokens = AccessTokens(settings, session, now or Clock(), lock)
        yield Parts(session, tokens, ActivationClient(session, tokens))
