"""The activate request: token ids in, the raw answer out. `worker.core` decides what it means."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import aiohttp
import msgspec
from aiohttp import hdrs
from msgspec.structs import replace
from multidict import CIMultiDict
from yarl import URL

from worker.api.session import absolute_url, can_be_sent, post_ready, unsendable
from worker.api.token_exchange import TokenUnavailableError
from worker.api.tokens import AccessTokens, NotOwnerError
from worker.core.answers.answer import is_token_rejected
from worker.core.answers.document import document_of
from worker.core.answers.known_secrets import KnownSecrets
from worker.core.answers.reply import NoReply, Reply
from worker.core.ids import is_org_id

_encode: Final = msgspec.json.Encoder().encode
_OK: Final = HTTPStatus.OK
"""Looked up once: in Python 3.11 each look at a member of an enumeration costs a call."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What all requests for an organization share."""

    token: str = field(repr=False)
    url: URL
    headers: CIMultiDict[str] = field(repr=False)


class ActivationClient:
    """One per worker process, over its session and its access tokens."""

    def __init__(self, session: aiohttp.ClientSession, tokens: AccessTokens) -> None:
        self._session = session
        self._tokens = tokens
        self._hiders: dict[str, tuple[tuple[bytes, ...], KnownSecrets]] = {}
        """By organization: its secrets, and what hides them. Made on first use."""
        self._prepared: dict[str, _Prepared] = {}
        """By organization."""

    async def ready(self, org_id: str) -> NoReply | None:
        """Waits until `activate` can send at once. Returns a `NoReply` if no access token is available now.

        Raises as `activate` does.
        """
        _require_org_id(org_id)
        try:
            await self._tokens.ready(org_id)
        except TokenUnavailableError as error:
            return _no_token(error)
        return None

    def is_ready(self, org_id: str) -> bool:
        """Whether `activate` can still send at once: the token may have expired or been refused."""
        return self._tokens.is_ready(org_id)

    async def activate(self, org_id: str, ids: tuple[str, ...]) -> Reply | NoReply:
        """Sends one request to activate `ids`, at most 15. Waits for an access token if there is none.

        Sends nothing and raises `CredentialRejectedError` if a person has to mend the credential, or
        `NotOwnerError` if the token's claims say that it will be refused, or if `org_id` is no GUID.
        """
        if org_id not in self._prepared:
            _require_org_id(org_id)
        try:
            token = self._tokens.take(org_id) or await self._tokens.get(org_id)
        except TokenUnavailableError as error:
            return _no_token(error)
        if (prepared := self._prepare(org_id, token)) is None:
            return unsendable()
        reply = await post_ready(self._session, prepared.url, _encode({"ids": ids}), prepared.headers)
        if isinstance(reply, NoReply):
            return reply
        if is_token_rejected(reply):
            by_api = document_of(reply.body) is not None
            token_action = await self._tokens.mark_rejected(org_id, token, by_api=by_api)
            reply = replace(reply, token_action=token_action, hint=self._tokens.oddity())
        elif (
            not self._tokens.is_accepted(org_id, token)
            and reply.status == _OK
            and reply.body.lstrip().startswith(b"{")
        ):
            # Any other answer may come from a gateway, which did not check the token.
            await self._tokens.mark_accepted(org_id, token)
        return reply if _is_never_quoted(reply) else self._without_secrets(org_id, token, ids, reply)

    def _prepare(self, org_id: str, token: str) -> "_Prepared | None":
        """Made once for each token; None if it cannot stand in a header."""
        prepared = self._prepared.get(org_id)
        if prepared is None or prepared.token != token:
            headers = CIMultiDict(
                {hdrs.AUTHORIZATION: f"Bearer {token}", hdrs.CONTENT_TYPE: "application/json"}
            )
            if not can_be_sent(headers):
                return None
            path = f"/csp/gateway/am/api/orgs/{quote(org_id, safe='')}/api-tokens/activate"
            prepared = _Prepared(token, absolute_url(self._session, path), headers)
            self._prepared[org_id] = prepared
        return prepared

    def _without_secrets(self, org_id: str, token: str, ids: tuple[str, ...], reply: Reply) -> Reply:
        """Hides secrets that the answer echoes. Only here are they known; elsewhere patterns find them."""
        hider = self._hider(org_id, token)
        text = reply.body.decode(errors="surrogateescape")
        # Ids that were sent are no secrets, and have to be found in the answer.
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
        # The id comes from a record that others may have written, and becomes part of a URL.
        raise NotOwnerError("the job names no organization's id: nothing is sent for it")


def _no_token(error: TokenUnavailableError) -> NoReply:
    return NoReply("TOKEN_UNAVAILABLE", str(error), sent=False)


def _is_never_quoted(reply: Reply) -> bool:
    """Whether an answer has no text that is stored or logged, only ids to compare with those sent."""
    # Zero bytes mean UTF-16, in which the key would not be found.
    return reply.status == _OK and b'"message"' not in reply.body and b"\0" not in reply.body
