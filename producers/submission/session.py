"""What producers work with: the store, the settings, who they are, and where their warnings go."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from threading import Event
from typing import Final

from producers.submission.request import whoami
from worker.settings import Settings
from worker.store.connect import reachable, sync_client
from worker.store.jobs import JobStore
from worker.store.location import HERE, StoreLocation
from worker.store.server import check_server
from worker.telemetry.traces.interface import Tracing

Warn = Callable[[str], object]
"""Takes a warning: one line without the word 'warning', which may hold control characters from elsewhere."""


class Session:
    """A connection to the store at `REDIS_URL`, made at its first use. Threads may share it."""

    def __init__(
        self,
        settings: Settings,
        warn: Warn,
        *,
        where: StoreLocation = HERE,
        actor: str | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.settings: Final = settings
        self.warn: Final = warn
        self.tracing: Final = tracing
        """The tracing of the process; None to make one for each submission, where TRACES_URL is set."""
        self.actor = actor or whoami()
        """Recorded with every job and every change."""
        self._redis = sync_client(settings.redis_url)
        self.store: Final = JobStore(self._redis, where)
        self._checked = Event()
        """Shared by all sessions over these connections."""

    def close(self) -> None:
        self._redis.close()

    def acting_as(self, actor: str) -> "Session":
        """A session over the same connections, with another actor. Closing either closes both."""
        session = copy(self)
        session.actor = actor
        return session

    @contextmanager
    def reachable(self) -> Iterator[None]:
        """Turns errors of Redis into `RedisUnreachableError`, or `DamagedRecordError` for foreign data."""
        with reachable(self.settings.redis_url):
            yield

    def check_server(self) -> None:
        """Verifies once that the server can hold jobs, and warns where it may lose them.

        Raises `BadSettingError` and `RedisUnreachableError`.
        """
        if not self._checked.is_set():
            for warning in check_server(self._redis, self.settings.redis_url):
                self.warn(warning)
            self._checked.set()


@contextmanager
def open_session(settings: Settings, warn: Warn, *, where: StoreLocation = HERE) -> Iterator[Session]:
    """A session that is closed at the end. In the block any failure of Redis raises as in `reachable`."""
    session = Session(settings, warn, where=where)
    try:
        with session.reachable():
            yield session
    finally:
        session.close()
