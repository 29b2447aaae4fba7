"""Who is signed in to the page: sessions in the memory of this process, which end with it.

The cookie holds a random name, and the session the digest of its key: neither gives the key away. A session
is looked up in the keys at each request, so it ends with its key and has the role that the key has now.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from producers.web.keys import Key, Keys

LIFE: Final = 12 * 3600
"""Seconds until a session ends, used or not."""
MAX_OF_KEY: Final = 20
"""Sessions that a key has at once; a further one ends its oldest."""

MAX_FORMS: Final = 100
"""Forms of a session that are known to be sent."""


class Once:
    """Does what a form asks for once, however often the form is sent."""

    def __init__(self) -> None:
        self._done: dict[str, asyncio.Future[str]] = {}

    async def do(self, form: str, work: Callable[[], Awaitable[str]]) -> str:
        """What `work` returned for this form, at the first time or now; what failed may be done again.

        Where the browser leaves, the work goes on. A form without a name is no other's.
        """
        if not form:
            return await work()
        task = self._done.get(form)
        if task is None:
            task = self._done[form] = asyncio.ensure_future(work())
            for oldest in list(self._done)[:-MAX_FORMS]:
                del self._done[oldest]
        try:
            return await asyncio.shield(task)
        except BaseException:
            if task.done():
                self._done.pop(form, None)
            raise


class Session:
    def __init__(self, digest: bytes, ends_at: float) -> None:
        self.digest: Final = digest
        self.ends_at: Final = ends_at
        self.is_over = False
        self.once: Final = Once()
        self.belongings: Final = contextlib.ExitStack()
        """What is given back at its end."""


class SignedIn(NamedTuple):
    key: Key
    session: Session


class Sessions:
    def __init__(self, keys: Keys, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        """By name, in the order in which they end."""

    def begin(self, key: Key) -> str:
        """The name of a new session."""
        now = self._clock()
        for name in [name for name, session in self._sessions.items() if session.ends_at <= now]:
            self.end(name)
        own = [name for name, session in self._sessions.items() if session.digest == key.digest]
        for name in own[: max(0, len(own) + 1 - MAX_OF_KEY)]:
            self.end(name)
        name = secrets.token_urlsafe(32)
        self._sessions[name] = Session(key.digest, now + LIFE)
        return name

    def find(self, name: str) -> SignedIn | None:
        """The session of that name and its key, if both hold."""
        session = self._sessions.get(name)
        if session is None:
            return None
        key = self._keys.with_digest(session.digest)
        if key is None or session.ends_at <= self._clock():
            self.end(name)
            return None
        return SignedIn(key, session)

    def end(self, name: str) -> None:
        """Nothing where there is none."""
        session = self._sessions.pop(name, None)
        if session is not None:
            session.is_over = True
            session.belongings.close()
