"""The exchange of an API token for an access token."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from worker.simulator.answers import Answer, error_answer
from worker.simulator.config import Config
from worker.simulator.grants import Grants


class Exchange:
    """`api_token` is the one that is accepted; None for any. It is in no answer but to who sent it."""

    def __init__(self, api_token: str | None, now: Callable[[], float], wall: Callable[[], float]) -> None:
        self._api_token = api_token
        self._now = now
        self._wall = wall
        self._asked = 0
        self.grants = Grants()

    def authorize(self, form: Mapping[str, Any], config: Config) -> Answer:
        self._asked += 1
        given = form.get("api_token") or form.get("refresh_token")
        if not isinstance(given, str) or not self._accepted(given, config):
            # As the real one does: the end of what may be a secret, which a client must not log.
            tail = given[-4:] if isinstance(given, str) else ""
            message = f"invalid_grant: Invalid refresh token: xxxxx...{tail}"
            return error_answer(HTTPStatus.BAD_REQUEST, message, f"exchange-{self._asked}")
        lifetime = config.token_lifetime
        token = self.grants.give(_claims(config, self._wall()), lifetime, self._now())
        grant = {
            "access_token": token,
            "expires_in": int(lifetime) if lifetime.is_integer() else lifetime,
            "token_type": "bearer",
            "scope": "ALL_PERMISSIONS openid",
            "refresh_token": given,
        }
        return Answer(HTTPStatus.OK, msgspec.json.encode(grant))

    def _accepted(self, given: str, config: Config) -> bool:
        return bool(given) and not config.refuse_exchange and self._api_token in {None, given}


def _claims(config: Config, wall: float) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "iss": "simulator",
        "perms": list(config.perms),
        "iat": int(wall),
        "exp": int(wall + config.token_lifetime),
    }
    # An API token is one organization's. With none named, or several, we cannot know whose this one is.
    if len(config.orgs) == 1:
        claims["context_name"] = config.orgs[0]
    return claims
