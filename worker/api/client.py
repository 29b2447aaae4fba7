"""The activate call: token ids in, the raw answer out. What it means is decided in `worker.core`."""

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec.structs import replace

from worker.api.exchanges import TokenUnavailableError
from worker.api.session import post
from worker.api.tokens import AccessTokens, NotOwnerError
from worker.core.answer import NoReply, Reply, document_of
from worker.core.ids import is_org_id

_SHORTEST_SECRET: Final = 8
"""Bytes. Shorter is none of the API's, and could be a part of an id."""

_encode: Final = msgspec.json.Encoder().encode


class ActivationClient:
    """One per worker process, over its session and its access tokens."""

    def __init__(self, session: aiohttp.ClientSession, tokens: AccessTokens) -> None:
        self._session = session
        self._tokens = tokens

    async def activate(self, org_id: str, ids: tuple[str, ...]) -> Reply | NoReply:
        """Asks for `ids`, at most 15, to be activated.

        Raises `CredentialRejectedError` where no access token can be had without a person's help, and
        `NotOwnerError` where the token's own claims say that it will be refused, or where `org_id` is none;
        nothing is sent then.
        """
        if not is_org_id(org_id):
            # It comes out of a record that others may have written, and becomes part of an address.
            raise NotOwnerError("the job names no organization's id: nothing is sent for it")
        try:
            token = await self._tokens.get(org_id)
        except TokenUnavailableError as error:
            return NoReply("TOKEN_UNAVAILABLE", str(error), sent=False)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        path = f"/csp/gateway/am/api/orgs/{quote(org_id, safe='')}/api-tokens/activate"
        reply = await post(self._session, path, _encode({"ids": ids}), headers)
        if isinstance(reply, NoReply):
            return reply
        if reply.status == HTTPStatus.UNAUTHORIZED:
            by_api = document_of(reply.body) is not None
            reply = replace(reply, then=await self._tokens.refused(org_id, token, by_api=by_api))
        elif reply.status == HTTPStatus.OK and reply.body.lstrip().startswith(b"{"):
            # Any other answer may be from somebody before the API, who looked at no token.
            await self._tokens.accepted(org_id, token)
        return self._without_secrets(org_id, token, reply)

    def _without_secrets(self, org_id: str, token: str, reply: Reply) -> Reply:
        """The API may echo what it was sent. Here alone we know it whole; patterns know it by its looks."""
        body = reply.body
        for secret in (token.encode(), *self._tokens.secrets(org_id)):
            if len(secret) >= _SHORTEST_SECRET:
                body = body.replace(secret, b"[redacted]")
        return reply if body is reply.body else replace(reply, body=body)
