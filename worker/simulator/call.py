"""A request to activate, as received."""

from dataclasses import dataclass
from typing import Final, Self

import msgspec

MAX_IDS: Final = 15
"""Ids that the API accepts in a request, at most."""


class _Body(msgspec.Struct):
    ids: list[str]


_decode: Final = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True, slots=True)
class ActivateCall:
    """The parts of a request that the API looks at."""

    org: str
    authorization: str | None
    content_type: str
    ids: list[str]
    """As received; empty if the body is not as documented."""
    too_large: bool = False
    """Whether the body was too large to be read."""

    @classmethod
    def of(cls, org: str, authorization: str | None, content_type: str, body: bytes | None) -> Self:
        """Parses a request. `body` is None if it was too large to be read."""
        return cls(org, authorization, content_type, _ids(body or b""), too_large=body is None)


def _ids(body: bytes) -> list[str]:
    try:
        ids = _decode(body).ids
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    return ids if all(ids) else []
