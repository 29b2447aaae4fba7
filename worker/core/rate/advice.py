"""Reads the headers in which a server states its quota: advice, since the API documents none.

the header                                          and its source
--------------------------------------------------  ------------------------------------------------------
`RateLimit: "default";r=50;t=30` and                draft-ietf-httpapi-ratelimit-headers, since version 08
`RateLimit-Policy: "default";q=100;w=60`
`RateLimit: limit=100, remaining=50, reset=30`      the same draft, version 06 and 07
`RateLimit-Limit`, `-Remaining`, `-Reset`           the same draft, before; reset in seconds
`X-RateLimit-...`, `X-Rate-Limit-...`               widespread, written nowhere; reset in seconds, or as the
                                                    time since the epoch in seconds or milliseconds

Where a header names several quotas, the one that allows least counts.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from multidict import istr

LONGEST: Final = 3600.0
"""Seconds. What lies further away is no advice for a job of hours."""
SCARCE: Final = 0.5
"""Share of a quota left, under which it is spread over the time until it is new."""

_NAMES: Final = tuple(
    (f"{prefix}-Remaining", f"{prefix}-Reset", f"{prefix}-Limit")
    for prefix in ("RateLimit", "X-RateLimit", "X-Rate-Limit")
)
_QUOTA_HEADERS: Final = tuple(istr(name) for name in ("RateLimit", *(name for name, _, _ in _NAMES)))
"""Headers that name what is left of a quota. An answer without any of them is not parsed. As `istr`,
which the headers of an answer look up without folding its case anew."""
_PARAMETER: Final = re.compile(
    r'[;,\s](r|t|q|remaining|reset|limit)\s*=\s*"?(\d{1,15}(?:\.\d{1,9})?)', re.IGNORECASE
)
_NUMBER: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)")
_EPOCH: Final = 1e9
_EPOCH_MS: Final = 1e12
_LONG_NAMES: Final = {"r": "remaining", "t": "reset", "q": "limit"}


@dataclass(frozen=True, slots=True)
class Quota:
    remaining: float
    """Requests."""
    reset: float
    """Seconds until it is new, more than 0."""
    limit: float | None = None
    """Requests per window, whose length is not kept: `reset` is less than that, except at its beginning."""

    @property
    def rate(self) -> float | None:
        """Requests per second that spread `remaining` over `reset`; None while there is plenty."""
        if self.limit is not None and self.remaining > SCARCE * self.limit:
            return None
        return max(self.remaining, 1.0) / self.reset


def has_quota(headers: Mapping[str, str]) -> bool:
    """Whether `quota_of` may find one; cheap, for the answers that name none."""
    for name in _QUOTA_HEADERS:  # noqa: SIM110 -- a generator would cost as much as the look, at each answer.
        if name in headers:
            return True
    return False


def quota_of(headers: Mapping[str, str], now: float) -> Quota | None:
    """The scarcest quota in the headers of an answer; None without one.

    `headers` is looked up without regard to case; `now` is the wall clock in seconds since the epoch.
    """
    found = [quota for quota in _quotas(headers, now) if quota is not None]
    return min(found, key=lambda quota: max(quota.remaining, 1.0) / quota.reset, default=None)


def _quotas(headers: Mapping[str, str], now: float) -> Iterable[Quota | None]:
    if (combined := headers.get("RateLimit")) is not None:
        policies = {_name(item): _parameters(item) for item in headers.get("RateLimit-Policy", "").split(",")}
        # In the older form of the header no policy has a name, and there is one at most.
        only = next(iter(policies.values())) if len(policies) == 1 else {}
        for item in _items(combined):
            yield _quota({**policies.get(_name(item), only), **_parameters(item)}, now)
    for of_remaining, of_reset, of_limit in _NAMES:
        if (remaining := headers.get(of_remaining)) is not None:
            reset, limit = headers.get(of_reset, ""), headers.get(of_limit, "")
            values = {"remaining": _number(remaining), "reset": _number(reset), "limit": _number(limit)}
            yield _quota(values, now)


def _items(text: str) -> list[str]:
    """The members of a list; the older form is one member whose parameters are set apart by commas."""
    return [text] if re.search(r"\blimit\s*=", text, re.IGNORECASE) else text.split(",")


def _name(item: str) -> str:
    return item.partition(";")[0].strip()


def _parameters(text: str) -> dict[str, float | None]:
    pairs = (found.groups() for found in _PARAMETER.finditer(f" {text}"))
    return {_LONG_NAMES.get(name.lower(), name.lower()): float(value) for name, value in pairs}


def _quota(values: Mapping[str, float | None], now: float) -> Quota | None:
    remaining, reset = values.get("remaining"), values.get("reset")
    if remaining is None or reset is None:
        return None
    if reset >= _EPOCH_MS:
        reset = reset / 1000 - now
    elif reset >= _EPOCH:
        reset -= now
    return Quota(remaining, reset, values.get("limit")) if 0 < reset <= LONGEST else None


def _number(text: str) -> float | None:
    found = _NUMBER.match(text)
    return float(found[1]) if found else None
