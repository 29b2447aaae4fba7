"""What a worker takes from the broker: our own messages, made anew. Anything else is dropped, logged and
counted.

kombu puts a message that it cannot decode back at each crash, so that one of 250 bytes ends every worker
again and again (celery#7975, #4308). Here none ends one: a message is checked the moment it came off the
queue, before kombu or Celery look at it.
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
from worker.messages import QUEUE_NAMES, queue_of
from worker.store import keys
from worker.store.jobs import DROPPED

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
"""Commands of Celery's remote control that a worker obeys: those that look. Whoever writes to Redis could end
workers with others, or have them import a module."""

_QUEUES: Final = frozenset(QUEUE_NAMES)
_MAX_CLOCK: Final = 2**53
_WRONG_TYPE: Final = "WRONGTYPE"

log = structlog.get_logger(__name__)


class CheckedMessage(Message):
    """A message of `channel`. Raises `BadMessageError`, or what kombu raises, where it is none."""

    def __init__(self, payload: Any, channel: Any = None, **rest: Any) -> None:
        if channel is not None and not _QUEUES.isdisjoint(channel.active_queues):
            wake = read_envelope(payload)
            payload = write_envelope(wake, queue_of(wake.job_id), str(uuid4()))
        elif _clock_of(payload) > _MAX_CLOCK:
            # It would be carried on in every event.
            payload["headers"]["clock"] = 0
        super().__init__(payload, channel=channel, **rest)  # type: ignore[no-untyped-call]
        if channel is not None:
            channel.last_tag = self.delivery_tag


def _clock_of(payload: Any) -> int:
    clock = payload["headers"].get("clock") or 0
    return clock if isinstance(clock, int) else _MAX_CLOCK + 1


class _CheckedIntake:
    """What both of our channels do: nothing that comes in raises, but for the faults of a connection."""

    Message = CheckedMessage
    last_tag: str | None = None
    """Of the message that the handler at work took."""
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
            # Of broadcasts, the only ones that are bound, the table is not needed.
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
                except Exception as error:  # noqa: BLE001 -- whatever came in must not end the worker.
                    self._drop(error)
                if name == "BRPOP" or not self.subclient.connection.can_read(timeout=0):
                    raise Empty

        return take

    def _drop(self, error: Exception) -> None:
        if self.last_tag is not None:
            # It was taken for ours: it must not count as in work for ever.
            self.basic_ack(self.last_tag)
        log.error("a message was dropped: it is none of ours", problem=_describe(error))
        self._count(1)

    def _remove_keys_of_wrong_type(self) -> None:
        """One key of a wrong type would keep the messages of all queues from coming."""
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
            client.hincrby(keys.TOTALS, DROPPED, dropped)


def _describe(error: Exception) -> str:
    """No more than the kind of what other libraries met: they quote what they found."""
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
    """From now on this process takes messages in as said here. Before its first connection to the broker."""
    ours = f"{__name__}:{CheckedTransport.__name__}"
    TRANSPORT_ALIASES.update(
        redis=ours, rediss=ours, sentinel=f"{__name__}:{CheckedSentinelTransport.__name__}"
    )
    for command in set(Panel.data) - ALLOWED_COMMANDS:
        del Panel.data[command]
