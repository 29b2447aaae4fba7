"""What is believed of a message from the queue: which slice of which job, and nothing else.

Whoever can write to Redis can put anything there. So a message is read strictly and made anew from what was
read: a forged `eta`, `expires`, `reply_to`, chain or callback is not there any more when Celery looks.

    {"headers": {"task": TASK, "id": UUID, "traceparent": W3C?}, "properties": {"body_encoding": "base64"},
     "content-type": "application/json", "content-encoding": "utf-8",
     "body": base64 of [[], {"job_id": ..., "slice_no": ..., "size": ...}, {...}]}

Source: Celery's message protocol 2, kombu's envelope for virtual transports.
"""

import base64
import binascii
import re
from typing import Annotated, Any, Final, Literal

import msgspec

from worker.core.ids import JOB_ID

TASK: Final = "bulk_activation.run_slice"

_MOST_SLICES: Final = 2**31
_UUID: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"


class BadMessageError(Exception):
    """No message of ours; says why, and quotes nothing of it."""


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
    slice_no: Annotated[int, msgspec.Meta(ge=0, lt=_MOST_SLICES)]
    size: Annotated[int, msgspec.Meta(ge=0, lt=_MOST_SLICES)]


_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_WHERE: Final = re.compile(r"at `(\$[^`]*)`")
_body = msgspec.json.Decoder(tuple[tuple[()], _Arguments, Any])


class Wake(msgspec.Struct, frozen=True):
    """There may be work on this slice of this job."""

    message_id: str
    job_id: str
    slice_no: int
    size: int
    traceparent: str | None


def read_envelope(raw: object) -> Wake:
    """What the decoded JSON `raw` says. Raises `BadMessageError`."""
    try:
        envelope = msgspec.convert(raw, _Envelope)
        _, told, _ = _body.decode(base64.b64decode(envelope.body, validate=True))
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError) as error:
        # Its own words can quote what was found.
        where = _WHERE.search(str(error))
        raise BadMessageError(f"not as ours are{f' at {where[1]}' if where else ''}") from error
    headers = envelope.headers
    return Wake(headers.id, told.job_id, told.slice_no, told.size, _traceparent(headers.traceparent))


def _traceparent(found: object) -> str | None:
    """A trace is worth no message."""
    return found if isinstance(found, str) and _TRACEPARENT.match(found) else None


def write_envelope(wake: Wake, queue: str, tag: str) -> dict[str, Any]:
    """The message as kombu has it when it took one off `queue`. `tag`: names the delivery."""
    # Flower cuts what is long: the slice's number first, which no other column tells.
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
            # The default exchange: a message that is put back needs no table of bindings.
            "delivery_info": {"exchange": "", "routing_key": queue},
        },
    }
