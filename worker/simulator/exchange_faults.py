"""Faults of the exchange of API tokens, as a table. A new fault is a new row.

Faults of something in front of the API answer with HTML.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class ExchangeFault:
    """An answer to every exchange, whatever the API token."""

    name: str
    help: str
    status: int
    html: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


ELSEWHERE: Final = "https://moved.invalid/csp/gateway/am/api/auth/api-tokens/authorize"

EXCHANGE_FAULTS: Final = (
    ExchangeFault("page", "200 with an HTML page.", HTTPStatus.OK),
    ExchangeFault("bad_request", "400 with HTML.", HTTPStatus.BAD_REQUEST),
    ExchangeFault("unauthorized", "401 with HTML.", HTTPStatus.UNAUTHORIZED),
    ExchangeFault("forbidden", "403 with HTML, as of a firewall.", HTTPStatus.FORBIDDEN),
    ExchangeFault("not_found", "404 with HTML, as of a host without these paths.", HTTPStatus.NOT_FOUND),
    ExchangeFault("moved", "308 to another host.", 308, headers={"Location": ELSEWHERE}),
    ExchangeFault("login", "302 to a login page.", HTTPStatus.FOUND, headers={"Location": "/login"}),
    ExchangeFault("throttled", "429 with `exchange_retry_after`.", 429, html=False),
    ExchangeFault("unavailable", "503 with `exchange_retry_after`.", 503, html=False),
    ExchangeFault("refused", "400 with invalid_grant, as for a wrong API token.", 400, html=False),
)

BY_NAME: Final = {fault.name: fault for fault in EXCHANGE_FAULTS}

TRUE_LIFETIME: Final = "true"

FALSE_LIFETIMES: Final[Mapping[str, object]] = {
    "null": None,
    "zero": 0,
    "negative": -1799,
    "nonsense": "1799s",
    "huge": 10**12,
}
"""False values of `expires_in`, by name."""

MISSING: Final = "missing"
STRING: Final = "string"
LIFETIME_NAMES: Final = frozenset({*FALSE_LIFETIMES, TRUE_LIFETIME, STRING, MISSING})


def lifetime_fields(choice: str, seconds: float) -> dict[str, object]:
    """The fields of a grant that state the lifetime of its token. `choice` is one of `LIFETIME_NAMES`."""
    true = int(seconds) if seconds.is_integer() else seconds
    if choice == MISSING:
        return {}
    if choice == STRING:
        return {"expires_in": str(true)}
    return {"expires_in": FALSE_LIFETIMES.get(choice, true)}
