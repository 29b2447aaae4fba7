"""The exchange of an API token for an access token."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from worker.simulator.answers import Answer, error_answer
from worker.simulator.bodies import html
from worker.simulator.config import Config
from worker.simulator.exchange_faults import BY_NAME, lifetime_fields
from worker.simulator.grants import Grants
from worker.simulator.retry_after import retry_after


class Exchange:
    """`api_token` is the accepted one; None accepts any. Only its sender ever sees it in an answer."""

    def __init__(self, api_token: str | None, now: Callable[[], float], wall: Callable[[], float]) -> None:
        self._api_token = api_token
        self._now = now
        self._wall = wall
        self._requests = 0
        self.grants = Grants()

    def authorize(self, form: Mapping[str, Any], config: Config) -> Answer:
        """Answers an exchange."""
        self._requests += 1
        fault = BY_NAME.get(config.exchange_fault)
        if fault is not None and fault.html:
            headers = {**fault.headers, "Content-Type": "text/html"}
            return Answer(fault.status, html(b""), headers)
        if fault is not None and fault.status != HTTPStatus.BAD_REQUEST:
            headers = retry_after(config.exchange_retry_after, 1.0, self._wall())
            return error_answer(fault.status, fault.help, f"exchange-{self._requests}", headers=headers)
        given = form.get("api_token") or form.get("refresh_token")
        if not isinstance(given, str) or not self._accepted(given, config):
            # The real API echoes the end of the token too, which a client must not log.
            tail = given[-4:] if isinstance(given, str) else ""
            message = f"invalid_grant: Invalid refresh token: xxxxx...{tail}"
            return error_answer(HTTPStatus.BAD_REQUEST, message, f"exchange-{self._requests}")
        lifetime = config.token_lifetime
        now = self._now()
        token = self.grants.issue(_claims(config, self._wall()), lifetime, now, config.token_delay)
        grant = {
            "access_token": token,
            **lifetime_fields(config.expires_in, lifetime),
            "token_type": "bearer",
            "scope": "ALL_PERMISSIONS openid",
            "refresh_token": given,
        }
        return Answer(HTTPStatus.OK, msgspec.json.encode(grant))

    def _accepted(self, given: str, config: Config) -> bool:
        return bool(given) and not self._refuses(config) and self._api_token in {None, given}

    @staticmethod
    def _refuses(config: Config) -> bool:
        return config.refuse_exchange or config.exchange_fault == "refused"


def _claims(config: Config, wall: float) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "iss": "simulator",
        "perms": list(config.perms),
        "iat": int(wall),
        "exp": int(wall + config.token_lifetime),
    }
    # An API token belongs to one organization, known only if exactly one is configured.
    if len(config.orgs) == 1:
        claims["context_name"] = config.orgs[0]
    return claims
