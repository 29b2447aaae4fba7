"""The keywords that calls of the client share, for type checkers."""

from collections.abc import Mapping
from typing import Literal, TypedDict

from producers.reading import Format


class ReadingOptions(TypedDict, total=False):
    """How a list is read, as the options of `submit` say it; an iterable of ids needs none."""

    format: Literal["auto"] | Format
    column: str
    delimiter: str
    field: str
    sheet: str
    strict: bool
    allow_malformed: bool
    allow_token_like_ids: bool


class LimitOptions(TypedDict, total=False):
    """Options of a new job that `submit` and `retry` share."""

    labels: Mapping[str, str] | None
    deadline: str | float | None
    max_failures: int | None
    max_failure_ratio: float | None


class SubmitOptions(ReadingOptions, LimitOptions, total=False):
    """The options of `Client.submit`."""

    org_id: str | None
    request_id: str | None
    weight: int
    plan: str | None
