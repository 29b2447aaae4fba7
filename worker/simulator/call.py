"""A request to activate, as it came."""

from dataclasses import dataclass
from typing import Final, Self

import msgspec

MAX_IDS: Final = 15
"""Ids that the API takes in a request."""


class _Body(msgspec.Struct):
    ids: list[str]


_decode: Final = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True, slots=True)
class ActivateCall:
    org: str
    authorization: str | None
    content_type: str
    ids: list[str]
    """As they came; none where the body is not as documented."""
    too_large: bool = False
    """The body was too large to be read."""

    @classmethod
    def of(cls, org: str, authorization: str | None, content_type: str, body: bytes | None) -> Self:
        """`body` is None where it was too large to be read."""
        return cls(org, authorization, content_type, _ids(body or b""), too_large=body is None)


def _ids(body: bytes) -> list[str]:
    try:
        ids = _decode(body).ids
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    return ids if all(ids) else []
