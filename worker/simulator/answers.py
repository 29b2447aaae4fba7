"""The answers of the API as values."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import msgspec

from worker.simulator.faults import Wire
from worker.simulator.lists import Lists
from worker.simulator.pages import JSON, Page

_encode: Final = msgspec.json.Encoder().encode

_MODULE: Final = 540
"""A number that the API sends in errors. Observed, without a published meaning."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and how it goes over the wire."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    wire: Wire = Wire.ANSWER
    content_type: str = JSON


class CspErrorResponse(msgspec.Struct, frozen=True, rename="camel"):
    """The API's error document."""

    status_code: int
    message: str
    request_id: str
    csp_error_code: str
    module_code: int = _MODULE
    metadata: None = None


def lists_answer(lists: Lists) -> Answer:
    """A 200 with the lists of successes and failures."""
    return Answer(HTTPStatus.OK, _encode(lists))


def page_answer(status: int, page: Page) -> Answer:
    """An answer of a proxy or gateway in front of the API."""
    return Answer(status, page.body, dict(page.headers), content_type=page.content_type)


def error_answer(
    status: int,
    message: str,
    request_id: str,
    *,
    headers: dict[str, str] | None = None,
    wire: Wire = Wire.ANSWER,
) -> Answer:
    """An answer with any status but 200, and the API's error document."""
    return Answer(
        status,
        _encode(CspErrorResponse(status, message, request_id, f"simulator.{status}")),
        headers or {},
        wire,
    )
