"""The access tokens that the API has issued, and when each is valid."""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec


class Grants:
    """The issued access tokens. Reads no clock: `now` is monotonic seconds throughout."""

    def __init__(self) -> None:
        self._valid_until: dict[str, float] = {}
        self._valid_from: dict[str, float] = {}
        self._issued = 0

    def issue(self, claims: Mapping[str, Any], lifetime: float, now: float, delay: float = 0.0) -> str:
        """A new, unique access token, valid for `lifetime` seconds except for the first `delay` seconds."""
        self._valid_until = {token: end for token, end in self._valid_until.items() if end > now}
        self._valid_from = {token: at for token, at in self._valid_from.items() if at > now}
        self._issued += 1
        token = _jwt({**claims, "jti": f"simulated-{self._issued}"})
        self._valid_until[token] = now + lifetime
        if delay:
            self._valid_from[token] = now + delay
        return token

    def is_valid(self, authorization: str | None, now: float) -> bool:
        """Whether the value of an `Authorization` header is a token that is valid now."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        started = self._valid_from.get(token, now) <= now
        return scheme.lower() == "bearer" and started and self._valid_until.get(token, now) > now

    def revoke(self) -> None:
        """Invalidates all tokens."""
        self._valid_until.clear()


def _jwt(claims: Mapping[str, Any]) -> str:
    """A token shaped as a JWT. Its signature is made up, since only the API would check it."""
    head = {"alg": "RS256", "typ": "JWT", "kid": "simulator"}
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode()
        for part in (msgspec.json.encode(head), msgspec.json.encode(claims), b"simulated signature")
    )
