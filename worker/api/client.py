"""The activate call: token ids in, the raw answer out. What it means is decided in `worker.core`."""

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec.structs import replace
from multidict import CIMultiDict

from worker.api.session import post
from worker.api.token_exchange import TokenUnavailableError
from worker.api.tokens import AccessTokens, NotOwnerError
from worker.core.answer import NoReply, Reply, document_of, is_refused_token
from worker.core.ids import is_org_id
from worker.core.known_secrets import KnownSecrets

_encode: Final = msgspec.json.Encoder().encode


class ActivationClient:
    """One per worker process, over its session and its access tokens."""

    def __init__(self, session: aiohttp.ClientSession, tokens: AccessTokens) -> None:
        self._session = session
        self._tokens = tokens
        self._hiders: dict[str, tuple[tuple[bytes, ...], KnownSecrets]] = {}
        """By organization: what is to be hidden, and what hides it. Made when it is first needed."""

    async def ready(self, org_id: str) -> NoReply | None:
        """Waits until `activate` can send at once; why it can not, where no access token is to be had now.

        Raises as `activate` does.
        """
        _require_org_id(org_id)
        try:
            await self._tokens.ready(org_id)
        except TokenUnavailableError as error:
            return _no_token(error)
        return None

    def is_ready(self, org_id: str) -> bool:
        """Whether it still can: the token may have been refused, or have ended, since."""
        return self._tokens.is_ready(org_id)

    async def activate(self, org_id: str, ids: tuple[str, ...]) -> Reply | NoReply:
        """Asks for `ids`, at most 15, to be activated; waits for an access token where it is not `ready`.

        Raises `CredentialRejectedError` where no access token can be had without a person's help, and
        `NotOwnerError` where the token's own claims say that it will be refused, or where `org_id` is none;
        nothing is sent then.
        """
        _require_org_id(org_id)
        try:
            token = self._tokens.take(org_id) or await self._tokens.get(org_id)
        except TokenUnavailableError as error:
            return _no_token(error)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        path = f"/csp/gateway/am/api/orgs/{quote(org_id, safe='')}/api-tokens/activate"
        reply = await post(self._session, path, _encode({"ids": ids}), headers)
        if isinstance(reply, NoReply):
            return reply
        if is_refused_token(reply):
            by_api = document_of(reply.body) is not None
            then = await self._tokens.refused(org_id, token, by_api=by_api)
            reply = replace(reply, then=then, hint=self._tokens.oddity())
        elif reply.status == HTTPStatus.OK and reply.body.lstrip().startswith(b"{"):
            # Any other answer may be from somebody before the API, who looked at no token.
            await self._tokens.accepted(org_id, token)
        return reply if _is_never_quoted(reply) else self._without_secrets(org_id, token, ids, reply)

    def _without_secrets(self, org_id: str, token: str, ids: tuple[str, ...], reply: Reply) -> Reply:
        """The API may echo what it was sent. Here alone we know it whole; patterns know it by its looks."""
        hider = self._hider(org_id, token)
        text = reply.body.decode(errors="surrogateescape")
        # An id that was sent is known to be one, and has to be found again.
        shown = hider.hide(text, keep=ids)
        body = reply.body if shown is text else shown.encode(errors="surrogateescape")
        headers = reply.headers
        if any(hider.hide(value) is not value for value in headers.values()):
            headers = CIMultiDict((name, hider.hide(value)) for name, value in headers.items())
        return replace(reply, body=body, headers=headers)

    def _hider(self, org_id: str, token: str) -> KnownSecrets:
        secrets = (token.encode(), *self._tokens.secrets(org_id))
        if (hider := self._hiders.get(org_id)) is None or hider[0] != secrets:
            hider = (secrets, KnownSecrets(secret.decode() for secret in secrets))
            self._hiders[org_id] = hider
        return hider[1]


def _require_org_id(org_id: str) -> None:
    if not is_org_id(org_id):
        # It comes out of a record that others may have written, and becomes part of an address.
        raise NotOwnerError("the job names no organization's id: nothing is sent for it")


def _no_token(error: TokenUnavailableError) -> NoReply:
    return NoReply("TOKEN_UNAVAILABLE", str(error), sent=False)


def _is_never_quoted(reply: Reply) -> bool:
    """Whether no more is done with an answer than to compare its ids with those that were sent."""
    # Zero bytes would be UTF-16, in which no key is found so.
    return reply.status == HTTPStatus.OK and b'"message"' not in reply.body and b"\0" not in reply.body
