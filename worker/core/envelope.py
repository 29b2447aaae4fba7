"""Parses messages from the queue strictly, and rebuilds them from the parsed fields.

Messages are untrusted, since anyone who can write to Redis can forge them. Only the fields below are used, so
a forged `eta`, `expires`, `reply_to`, chain or callback never reaches Celery.

    {"headers": {"task": TASK, "id": UUID, "traceparent": W3C?}, "properties": {"body_encoding": "base64"},
     "content-type": "application/json", "content-encoding": "utf-8",
     "body": base64 of [[], {"job_id": ..., "slice_no": ..., "size": ...}, {...}]}

Sources: Celery's message protocol 2, and kombu's envelope for virtual transports.
"""

import base64
import binascii
import re
from typing import Annotated, Any, Final, Literal

import msgspec

from worker.core.ids import JOB_ID

TASK: Final = "bulk_activation.run_slice"

_MAX_SLICES: Final = 2**31
_UUID: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"


class BadMessageError(Exception):
    """The message does not have the expected form. The text quotes nothing of the message."""


class _Headers(msgspec.Struct):
    task: Literal["bulk_activation.run_slice"]
    id: Annotated[str, msgspec.Meta(pattern=_UUID)]
    traceparent: object = None


class _Properties(msgspec.Struct):
    body_encoding: Literal["base64"]


class _Envelope(msgspec.Struct, rename="kebab"):
    headers: _Headers
    properties: _Properties
    content_type: Literal["application/json"]
    content_encoding: Literal["utf-8"]
    body: Annotated[str, msgspec.Meta(max_length=10_000)]


class _Arguments(msgspec.Struct):
    job_id: Annotated[str, msgspec.Meta(pattern=JOB_ID)]
    slice_no: Annotated[int, msgspec.Meta(ge=0, lt=_MAX_SLICES)]
    size: Annotated[int, msgspec.Meta(ge=0, lt=_MAX_SLICES)]


_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_WHERE: Final = re.compile(r"at `(\$[^`]*)`")
_body = msgspec.json.Decoder(tuple[tuple[()], _Arguments, Any])


class Wake(msgspec.Struct, frozen=True):
    """A message that wakes a worker: there may be work on this slice of this job."""

    message_id: str
    job_id: str
    slice_no: int
    size: int
    traceparent: str | None


def read_envelope(raw: object) -> Wake:
    """Parses a message, given as decoded JSON. Raises `BadMessageError`."""
    try:
        envelope = msgspec.convert(raw, _Envelope)
        _, arguments, _ = _body.decode(base64.b64decode(envelope.body, validate=True))
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError) as error:
        # Only the path is shown: the rest of the error's text can quote the message.
        where = _WHERE.search(str(error))
        raise BadMessageError(f"not as ours are{f' at {where[1]}' if where else ''}") from error
    headers = envelope.headers
    return Wake(
        headers.id, arguments.job_id, arguments.slice_no, arguments.size, _traceparent(headers.traceparent)
    )


def _traceparent(found: object) -> str | None:
    """The trace header; None if it is malformed, which is no reason to drop the message."""
    return found if isinstance(found, str) and _TRACEPARENT.match(found) else None


def write_envelope(wake: Wake, queue: str, tag: str) -> dict[str, Any]:
    """Builds the message in the form in which kombu takes it off `queue`. `tag`: the delivery tag."""
    # Flower truncates long text: the slice's number comes first, since no other column has it.
    kwargs = {"slice_no": wake.slice_no, "job_id": wake.job_id, "size": wake.size}
    headers: dict[str, Any] = {
        "lang": "py",
        "task": TASK,
        "id": wake.message_id,
        "root_id": wake.message_id,
        "parent_id": None,
        "retries": 0,
        "argsrepr": "()",
        "kwargsrepr": repr(kwargs),
        "ignore_result": True,
    }
    if wake.traceparent is not None:
        headers["traceparent"] = wake.traceparent
    return {
        "body": base64.b64encode(msgspec.json.encode(([], kwargs, {}))).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": headers,
        "properties": {
            "body_encoding": "base64",
            "delivery_tag": tag,
            "correlation_id": wake.message_id,
            "priority": 0,
            # The default exchange, so that returning a message to its queue needs no bindings.
            "delivery_info": {"exchange": "", "routing_key": queue},
        },
    }
