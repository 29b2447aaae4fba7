"""Foreign messages, as another program could put them into the queue."""

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any, Final

from worker.queue.messages import TASK

UNKNOWN_JOB: Final = "20260101-000000-00000000"


def message(
    kwargs: Any = None, *, body: str | None = None, headers: Any = None, properties: Any = None, **rest: Any
) -> dict[str, Any]:
    """Our own message with changes. `headers` and `properties` are merged; None removes one."""
    if kwargs is None:
        kwargs = {"job_id": UNKNOWN_JOB, "slice_no": 0, "size": 15}
    if body is None:
        body = base64.b64encode(json.dumps([[], kwargs, {}]).encode()).decode()
    message_id = str(uuid.uuid4())
    made: dict[str, Any] = {
        "body": body,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": TASK, "id": message_id, "root_id": message_id, "lang": "py", "retries": 0},
        "properties": {
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": "bulk-activation.0"},
            "correlation_id": message_id,
            "priority": 0,
        },
    }
    for part, changes in (("headers", headers), ("properties", properties)):
        made[part] = {
            name: value for name, value in (made[part] | (changes or {})).items() if value is not None
        }
    return made | rest


def junk() -> Iterator[tuple[str, bytes]]:
    """Messages that must be dropped, by name."""
    yield "nothing", b""
    yield "no UTF-8", b"\xff\xfe\x00junk"
    yield "no JSON", b"hello"
    yield "cut off", json.dumps(message()).encode()[:100]
    yield "deep", b"[" * 100_000
    yield "huge", json.dumps("x" * 5_000_000).encode()
    for value in ("a string", 7, None, [], {}, [message()], {"headers": None}):
        yield f"JSON: {str(value)[:20]}", json.dumps(value).encode()
    for name, made in spoilt():
        yield name, json.dumps(made).encode()


def spoilt() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "bad base64", message(body="!!! no base64 !!!")
    yield "no body", {name: part for name, part in message().items() if name != "body"}
    yield "a body that is a list", message(body=["x"])  # type: ignore[arg-type]
    yield "a body that is no JSON", message(body=base64.b64encode(b"\x80\x04pickle").decode())
    yield "a huge body", message(body="A" * 1_000_000)
    yield "a body of bytes that are no text", message(body=base64.b64encode(b'"\xff\xff"').decode())
    yield "headers that are a list", message() | {"headers": []}
    yield "headers that are nothing", message() | {"headers": None}
    yield "no properties", {name: part for name, part in message().items() if name != "properties"}
    yield "properties that are a string", message() | {"properties": "x"}
    yield "another encoding of the body", message(properties={"body_encoding": "rot13"})
    yield "no encoding of the body", message(properties={"body_encoding": None})
    yield "pickle", message() | {"content-type": "application/x-python-serialize"}
    yield "yaml", message() | {"content-type": "application/x-yaml"}
    yield "an unknown charset", message() | {"content-encoding": "klingon"}
    yield "an unknown task", message(headers={"task": "os.system"})
    yield "a task that is a list", message(headers={"task": ["x"]})
    yield "a task of Celery", message(headers={"task": "celery.backend_cleanup"})
    yield "no task", message(headers={"task": None})
    yield "no id", message(headers={"id": None})
    yield "an id that is a path", message(headers={"id": "../../etc/passwd"})
    for slice_no in ("0", -1, 10**30, 1.5, None, [0], True):
        kwargs = {"job_id": UNKNOWN_JOB, "slice_no": slice_no, "size": 1}
        yield f"slice {slice_no!r}", message(kwargs)
    for job_id in ("a\nb", "a}:b", "{a", "", "a" * 65, 7, None, "a b", "job\x00", f"{UNKNOWN_JOB}\n"):
        yield f"job {job_id!r}", message({"job_id": job_id, "slice_no": 0, "size": 1})
    yield "no arguments", message({})
    yield "arguments that are a list", message([1, 2])
    yield "positional arguments", message(body=base64.b64encode(b'[["x"], {}, {}]').decode())
    yield "the first protocol", {"task": TASK, "id": "x", "args": [], "kwargs": {}}
