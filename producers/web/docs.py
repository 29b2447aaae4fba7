"""The OpenAPI document, and the page that shows it.

Litestar finds the operations and their parameters in the handlers. What it cannot see is added here: bodies
that are streamed, media types, header fields, and the problems of each operation.
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.types import ControllerRouterHandler

from producers.submission.planned import Plan
from producers.web.events import MEDIA_TYPE as EVENTS
from producers.web.problems import MEDIA_TYPE as PROBLEMS
from producers.web.problems import STATUS, Code, Problem
from producers.web.reading import FORMS, JobPage, Verdict
from producers.web.steering import NamedRate, RateOrder, Reason, RequestsPerSecond, Weight
from producers.web.uploads import MEDIA_TYPES
from worker.core.outcome import UNSUCCESSFUL, Outcome
from worker.core.reporting.schema import Rate, Report

DOCS: Final = Environment(
    loader=PackageLoader("producers.web"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("docs.html.jinja")

_ABOUT: Final = (
    "Makes, reads and steers activation jobs. Errors are problem details (RFC 9457): `code` is for programs,"
    " `detail` for people."
)
_JSON: Final = "application/json"
_ALWAYS: Final = (
    Code.BAD_INPUT,
    Code.UNAUTHENTICATED,
    Code.FORBIDDEN,
    Code.UNEXPECTED,
    Code.STORE_UNREACHABLE,
    Code.SHUTTING_DOWN,
)
_OF_JOB: Final = (Code.NO_SUCH_JOB, Code.DAMAGED_RECORD)
_OF_CHANGE: Final = (*_OF_JOB, Code.ILLEGAL_STATE_CHANGE)
_OF_BODY: Final = (Code.TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE, Code.TIMED_OUT)
_RATE: Final = RateOrder | RequestsPerSecond | NamedRate


class _Operation(msgspec.Struct, frozen=True):
    """What is added to an operation."""

    answer: Any = Report
    """The type of the JSON, or the media types of another body; None for no body."""
    problems: tuple[Code, ...] = ()
    body: Any = None
    """The type of the JSON, or the media types of a list."""
    body_required: bool = True
    headers: tuple[str, ...] = ()
    also: int | None = None
    """Another status with the same body; without a body for 304."""


_TEXT: Final = {"type": "string"}
_OPERATIONS: Final[dict[str, _Operation]] = {
    "listJobs": _Operation(JobPage),
    "getJob": _Operation(problems=_OF_JOB, headers=("ETag",), also=304),
    "watchJob": _Operation((EVENTS,), _OF_JOB),
    "getResults": _Operation(tuple(FORMS), (*_OF_JOB, Code.NOT_ACCEPTABLE)),
    "getReportPage": _Operation(("text/html",), _OF_JOB),
    "verifyJob": _Operation(Verdict, _OF_JOB),
    "submitJob": _Operation(
        problems=(*_OF_BODY, Code.PLAN_DIFFERS, Code.REQUEST_ID_TAKEN),
        body=tuple(MEDIA_TYPES),
        headers=("ETag", "Location"),
        also=200,
    ),
    "planList": _Operation(Plan, _OF_BODY, body=tuple(MEDIA_TYPES)),
    **{
        name: _Operation(
            problems=(*_OF_CHANGE, *_OF_BODY), body=Reason, body_required=False, headers=("ETag",)
        )
        for name in ("pauseJob", "resumeJob", "cancelJob")
    },
    "retryJob": _Operation(problems=_OF_CHANGE, headers=("ETag", "Location")),
    "changeJob": _Operation(problems=(*_OF_CHANGE, *_OF_BODY), body=Weight, headers=("ETag",)),
    "purgeJob": _Operation(None, _OF_CHANGE),
    "getRate": _Operation(Rate),
    "setRate": _Operation(Rate, _OF_BODY, body=_RATE),
}


def _list_of(outcomes: Iterable[Outcome]) -> str:
    one = f"(?:{'|'.join(outcomes)})"
    return f"^{one}(?:,{one})*$"


_ITEMS: Final = {
    ("getResults", "outcome"): _list_of(Outcome),
    ("retryJob", "outcome"): _list_of(sorted(UNSUCCESSFUL)),
    ("submitJob", "label"): "^[^=]+=",
}
"""Patterns of the items of lists, by operation and parameter."""
_HEADERS: Final = {
    "ETag": "Changes with the document; for `If-None-Match`.",
    "Location": "The path of the job.",
}


def openapi_document(handlers: Sequence[ControllerRouterHandler]) -> dict[str, Any]:
    """OpenAPI 3.1: what the handlers declare, and what they cannot."""
    config = OpenAPIConfig(title="bulk-activate", version="1", description=_ABOUT)
    document: dict[str, Any] = Litestar(
        handlers, openapi_config=config, logging_config=None
    ).openapi_schema.to_schema()
    kinds = [Problem, Reason, _RATE, *(each.answer for each in _OPERATIONS.values() if _is_json(each.answer))]
    kinds += [each.body for each in _OPERATIONS.values() if _is_json(each.body)]
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    # Those of Litestar are less exact; of its own only the kinds of parameters are left.
    document["components"] = {
        "schemas": document["components"]["schemas"] | schemas,
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
    }
    for path in document["paths"].values():
        for operation in path.values():
            _complete(operation)
    return document


def _is_json(kind: Any) -> bool:
    return kind is not None and not isinstance(kind, tuple)


_OF_A_JOB: Final = (
    "getJob",
    "getResults",
    "getReportPage",
    "verifyJob",
    "pauseJob",
    "resumeJob",
    "cancelJob",
    "retryJob",
    "changeJob",
    "purgeJob",
    "watchJob",
)


def _links(where: str) -> dict[str, Any]:
    """What can be done with the job whose id stands there."""
    return {name: {"operationId": name, "parameters": {"job_id": where}} for name in _OF_A_JOB}


def _complete(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        _complete_parameter(operation["operationId"], parameter)
    added = _OPERATIONS.get(operation["operationId"])
    if added is None:
        # Health: no key, and no input that could be wrong.
        operation["security"] = []
        operation["responses"].pop("400", None)
        if operation["operationId"] == "isReady":
            operation["responses"] |= _problems((Code.STORE_UNREACHABLE,))
        return
    operation["security"] = [{"key": []}]
    success = next(status for status in operation["responses"] if status.startswith("2"))
    answer = _answer(success, added)
    operation["responses"] = {success: answer, **_problems((*_ALWAYS, *added.problems))}
    if operation["operationId"] in {"submitJob", "retryJob"}:
        answer["links"] = _links("$response.body#/job_id")
    if added.also is not None:
        other = _answer(str(added.also), added)
        if added.also == HTTPStatus.NOT_MODIFIED:
            del other["content"]
        operation["responses"][str(added.also)] = other
    if added.body is not None:
        operation["requestBody"] = {"required": added.body_required, "content": _content(added.body)}
    if isinstance(added.body, tuple):
        operation["parameters"].append(
            {"name": "Content-Encoding", "in": "header", "schema": {"enum": ["gzip", "identity"]}}
        )


def _complete_parameter(operation_id: str, parameter: dict[str, Any]) -> None:
    schema = parameter["schema"] = _without_null(parameter["schema"])
    if schema.get("default") == "" or parameter["name"] in {"max_failures", "max_failure_ratio"}:
        # The handler's way to say that there is none.
        del schema["default"]
    if (pattern := _ITEMS.get((operation_id, parameter["name"]))) is not None:
        schema["items"]["pattern"] = pattern


def _answer(status: str, added: _Operation) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(int(status)).phrase}
    if added.answer is not None:
        answer["content"] = _content(added.answer)
    if added.headers:
        answer["headers"] = {name: {"schema": _TEXT, "description": _HEADERS[name]} for name in added.headers}
    return answer


def _content(kind: Any) -> dict[str, Any]:
    if isinstance(kind, tuple):
        return {media_type: {"schema": _TEXT} for media_type in kind}
    return {_JSON: {"schema": _schema(kind)}}


def _schema(kind: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    return dict(schema)


def _problems(codes: Iterable[Code]) -> dict[str, Any]:
    """A response for each status, which names its codes."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(int(STATUS[code]), []).append(f"`{code}`")
    return {
        str(status): {
            "description": " or ".join(dict.fromkeys(names)),
            "content": {PROBLEMS: {"schema": _schema(Problem)}},
        }
        for status, names in sorted(by_status.items())
    }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, never null."""
    kinds = [kind for kind in schema.get("oneOf", ()) if kind != {"type": "null"}]
    if not kinds:
        return schema
    rest = {name: value for name, value in schema.items() if name != "oneOf"}
    return {**kinds[0], **rest} if len(kinds) == 1 else {**rest, "oneOf": kinds}
