"""Requests made from the OpenAPI document, so that a new one is tried by itself."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx

from tests.e2e.stack import ORG


class Asked(NamedTuple):
    """A request that the document allows."""

    name: str
    method: str
    path: str
    is_open: bool
    parameters: frozenset[str]
    content: bytes | None
    media_type: str

    def send(self, client: httpx.Client, job_id: str, org_id: str = ORG) -> httpx.Response:
        """Sends it; of a stream, only the beginning is read."""
        headers = {} if self.content is None else {"Content-Type": self.media_type}
        with client.stream(
            self.method,
            self.path.format(job_id=job_id, org_id=org_id),
            params={"org_id": org_id} if "org_id" in self.parameters else {},
            content=self.content,
            headers=headers,
        ) as answer:
            if answer.headers.get("content-type", "").startswith("text/event-stream"):
                next(answer.iter_bytes())
            else:
                answer.read()
        return answer


def _example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """The least that a schema allows."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "object":
            return {
                name: _example(schema["properties"][name], schemas) for name in schema.get("required", ())
            }
        case "integer" | "number":
            return schema.get("minimum", 1)
        case _:
            return ""


def every_request(url: str) -> list[Asked]:
    """Those that the server describes; one that removes the job comes last."""
    found = _requests_of(httpx.get(f"{url}/api/v1/openapi.json").json())
    return sorted(found, key=lambda asked: asked.method == "DELETE")


def _requests_of(openapi: Mapping[str, Any]) -> Iterator[Asked]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            content, media_type = None, ""
            if body := operation.get("requestBody"):
                media_type, found = next(iter(body["content"].items()))
                content = b"an-id-1\n"
                if media_type == "application/json":
                    schemas = openapi["components"]["schemas"]
                    content = httpx.Request("POST", "/", json=_example(found["schema"], schemas)).content
            yield Asked(
                operation["operationId"],
                method.upper(),
                path,
                not operation["security"],
                frozenset(each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"),
                content,
                media_type,
            )
