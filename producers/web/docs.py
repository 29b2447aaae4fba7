"""The OpenAPI document, and the page that shows it.

Litestar finds the operations and their parameters in the handlers. What it cannot see is added here, by
`operations`.
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.types import ControllerRouterHandler

from producers.web.operations import ALWAYS, HEADERS, ITEM_PATTERNS, OF_A_JOB, OPERATIONS, RATE, Operation
from producers.web.problems import MEDIA_TYPE as PROBLEMS
from producers.web.problems import STATUS, Code, Problem
from producers.web.steering import Reason

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
_TEXT: Final = {"type": "string"}


def openapi_document(handlers: Sequence[ControllerRouterHandler]) -> dict[str, Any]:
    """OpenAPI 3.1: what the handlers declare, and what they cannot."""
    config = OpenAPIConfig(title="bulk-activate", version="1", description=_ABOUT)
    document: dict[str, Any] = Litestar(
        handlers, openapi_config=config, logging_config=None
    ).openapi_schema.to_schema()
    kinds = [Problem, Reason, RATE, *(each.answer for each in OPERATIONS.values() if _is_json(each.answer))]
    kinds += [each.body for each in OPERATIONS.values() if _is_json(each.body)]
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


def _links(where: str) -> dict[str, Any]:
    """What can be done with the job whose id stands there."""
    return {name: {"operationId": name, "parameters": {"job_id": where}} for name in OF_A_JOB}


def _complete(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        _complete_parameter(operation["operationId"], parameter)
    added = OPERATIONS.get(operation["operationId"])
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
    operation["responses"] = {success: answer, **_problems((*ALWAYS, *added.problems))}
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
    if (pattern := ITEM_PATTERNS.get((operation_id, parameter["name"]))) is not None:
        schema["items"]["pattern"] = pattern


def _answer(status: str, added: Operation) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(int(status)).phrase}
    if added.answer is not None:
        answer["content"] = _content(added.answer)
    if added.headers:
        answer["headers"] = {name: {"schema": _TEXT, "description": HEADERS[name]} for name in added.headers}
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
