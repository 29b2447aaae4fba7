"""Accepts only our own messages from the broker; any other is dropped, logged and counted.

kombu returns a message that it cannot decode to the queue at each crash, so that one message of 250 bytes
ends every worker again and again (celery#7975, #4308). Here a message is checked as soon as it leaves the
queue and rebuilt from its checked fields, before kombu or Celery read it.
"""

from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from typing import Any, Final
from uuid import uuid4

import structlog
from celery.worker.control import Panel
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.redis import Channel, SentinelChannel, SentinelTransport, Transport
from kombu.transport.virtual import Message
from redis.exceptions import ResponseError

from worker.core.envelope import BadMessageError, read_envelope, write_envelope
from worker.queue.messages import QUEUE_NAMES, queue_of
from worker.store import keys

ALLOWED_COMMANDS: Final = frozenset(
    {
        "active",
        "active_queues",
        "clock",
        "conf",
        "enable_events",
        "heartbeat",
        "ping",
        "query_task",
        "registered",
        "report",
        "reserved",
        "revoked",
        "scheduled",
        "stats",
    }
)
"""Remote control commands of Celery that a worker obeys: read-only ones. With others, anyone who can write to
Redis could stop workers or make them import a module."""

_QUEUES: Final = frozenset(QUEUE_NAMES)
_MAX_CLOCK: Final = 2**53
"""Largest logical clock of Celery that is believed."""
_WRONG_TYPE: Final = "WRONGTYPE"

log = structlog.get_logger(__name__)


class CheckedMessage(Message):
    """A checked message of `channel`. Raises `BadMessageError`, or an exception of kombu, for any other."""

    def __init__(self, payload: Any, channel: Any = None, **rest: Any) -> None:
        if channel is not None and not _QUEUES.isdisjoint(channel.active_queues):
            wake = read_envelope(payload)
            payload = write_envelope(wake, queue_of(wake.job_id), str(uuid4()))
        elif _clock_of(payload) > _MAX_CLOCK:
            # Celery would adopt it and send it on in every event.
            payload["headers"]["clock"] = 0
        super().__init__(payload, channel=channel, **rest)  # type: ignore[no-untyped-call]
        if channel is not None:
            channel.last_tag = self.delivery_tag


def _clock_of(payload: Any) -> int:
    clock = payload["headers"].get("clock") or 0
    return clock if isinstance(clock, int) else _MAX_CLOCK + 1


class _CheckedIntake:
    """Base of both channels: no incoming message raises; only faults of the connection do."""

    Message = CheckedMessage
    last_tag: str | None = None
    """Delivery tag of the message that the running handler has taken."""
    # Of kombu's channel:
    connection_errors: tuple[type[Exception], ...]
    ResponseError: type[Exception]
    subclient: Any
    basic_ack: Any
    conn_or_acquire: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.handlers: dict[str, Callable[[], Any]] = {
            name: self._guarded(name, handle) for name, handle in self.handlers.items()
        }

    def queue_bind(self, *arguments: Any, **options: Any) -> None:
        try:
            super().queue_bind(*arguments, **options)  # type: ignore[misc]
        except ResponseError as error:
            if not str(error).startswith(_WRONG_TYPE):
                raise
            # Only broadcasts are bound, and they work without this table.
            log.warning("a key of Celery has the wrong type", prefix="_kombu.binding.", problem=str(error))

    def _guarded(self, name: str, handle: Callable[[], Any]) -> Callable[[], Any]:
        def take() -> Any:
            while True:
                self.last_tag = None
                try:
                    return handle()
                except Empty:
                    raise
                except self.connection_errors:
                    raise
                except self.ResponseError as error:
                    if not str(error).startswith(_WRONG_TYPE):
                        raise
                    self._remove_keys_of_wrong_type()
                except Exception as error:  # noqa: BLE001 -- no message may end the worker.
                    self._drop(error)
                if name == "BRPOP" or not self.subclient.connection.can_read(timeout=0):
                    raise Empty

        return take

    def _drop(self, error: Exception) -> None:
        if self.last_tag is not None:
            # Acknowledged, so that it does not count as unacknowledged for ever.
            self.basic_ack(self.last_tag)
        log.error("a message was dropped: it is none of ours", problem=_describe(error))
        self._count(1)

    def _remove_keys_of_wrong_type(self) -> None:
        """Removes queues that are no lists: one such key would block the messages of all queues."""
        with self.conn_or_acquire() as client:
            for queue in QUEUE_NAMES:
                try:
                    client.llen(queue)
                except ResponseError as error:
                    if not str(error).startswith(_WRONG_TYPE):
                        raise
                    client.delete(queue)
                    log.warning("a queue was no list: removed; a sweep sends its messages again", queue=queue)
        self._count(1)

    def _count(self, dropped: int) -> None:
        with suppress(ResponseError), self.conn_or_acquire() as client:
            client.hincrby(keys.TOTALS, keys.DROPPED, dropped)


def _describe(error: Exception) -> str:
    """Our own error in full; of any other only its type, since libraries quote the message."""
    return str(error) if isinstance(error, BadMessageError) else type(error).__name__


class CheckedChannel(_CheckedIntake, Channel):
    pass


class CheckedSentinelChannel(_CheckedIntake, SentinelChannel):
    pass


class CheckedTransport(Transport):
    Channel = CheckedChannel


class CheckedSentinelTransport(SentinelTransport):
    Channel = CheckedSentinelChannel


def install() -> None:
    """Makes this process check messages. Call it before the first connection to the broker."""
    ours = f"{__name__}:{CheckedTransport.__name__}"
    TRANSPORT_ALIASES.update(
        redis=ours, rediss=ours, sentinel=f"{__name__}:{CheckedSentinelTransport.__name__}"
    )
    for command in set(Panel.data) - ALLOWED_COMMANDS:
        del Panel.data[command]
