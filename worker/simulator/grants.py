"""The access tokens that the API gave out, and until when each is good."""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec


class Grants:
    """Reads no clock: `now` is monotonic seconds throughout."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}
        self._known_at: dict[str, float] = {}
        self._given = 0

    def give(self, claims: Mapping[str, Any], lifetime: float, now: float, delay: float = 0.0) -> str:
        """A new access token, good for `lifetime` seconds but the first `delay`. No two are the same."""
        self._ends = {token: end for token, end in self._ends.items() if end > now}
        self._known_at = {token: at for token, at in self._known_at.items() if at > now}
        self._given += 1
        token = _jwt({**claims, "jti": f"simulated-{self._given}"})
        self._ends[token] = now + lifetime
        if delay:
            self._known_at[token] = now + delay
        return token

    def good(self, authorization: str | None, now: float) -> bool:
        """Whether the value of an `Authorization` header holds a token that is good now."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        known = self._known_at.get(token, now) <= now
        return scheme.lower() == "bearer" and known and self._ends.get(token, now) > now

    def revoke(self) -> None:
        """Ends every token at once."""
        self._ends.clear()


def _jwt(claims: Mapping[str, Any]) -> str:
    """Of a JWT's shape. The signature is made up: nobody but the API checks it."""
    head = {"alg": "RS256", "typ": "JWT", "kid": "simulator"}
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode()
        for part in (msgspec.json.encode(head), msgspec.json.encode(claims), b"simulated signature")
    )
