"""Checks the API: reachable, credential accepted, and the credential an owner of the organization."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import aiohttp

from worker.api.credentials import CredentialRejectedError
from worker.api.network import describe_route
from worker.api.session import get, make_session
from worker.api.token_exchange import TokenUnavailableError
from worker.api.tokens import AccessTokens
from worker.core.access.ownership import Ownership, ownership
from worker.core.answers.reply import Reply
from worker.doctor.check import Check, Status
from worker.settings import PREFIX, Settings

_ANY_ORG: Final = "-"
"""Placeholder for an organization, if one credential serves all and no file is read."""


async def check_api(settings: Settings, org_id: str | None) -> AsyncIterator[Check]:
    """Yields one check each of the API, the credential and the organization, as far as they can be made."""
    async with make_session(settings) as session:
        reachability = await _check_reachable(session, settings)
        yield reachability
        if reachability.status is not Status.OK:
            yield Check("credential", Status.SKIPPED, "the API is out of reach")
            return
        token, found = await _check_credential(settings, session, org_id)
        yield found
    if token is not None:
        yield _check_owner(token, org_id)


async def _check_reachable(session: aiohttp.ClientSession, settings: Settings) -> Check:
    """Checks that a GET is answered at all: name, route, proxy, TLS and certificate are then in order."""
    reply = await get(session, "/")
    route = describe_route(settings)
    if isinstance(reply, Reply):
        return Check("api", Status.OK, f"{settings.api_url} answers, through {route}")
    why = reply.message.removesuffix(f"through {route}").rstrip(";, ")
    # Some messages already say what to set.
    cure = "" if PREFIX in why else f": check the network, or set {PREFIX}API_URL to the API's host"
    return Check(
        "api", Status.UNREACHABLE, f"{settings.api_url} does not answer, through {route} ({why}){cure}"
    )


async def _check_credential(
    settings: Settings, session: aiohttp.ClientSession, org_id: str | None
) -> tuple[str | None, Check]:
    """Exchanges the API token. Returns an access token, or None, and the check."""
    if not (settings.api_token or settings.access_token or settings.credentials_dir):
        return None, Check("credential", Status.SKIPPED, "none here: run `doctor` where workers run")
    if org_id is None and settings.credentials_dir is not None:
        if not (settings.api_token or settings.access_token):
            return None, Check("credential", Status.SKIPPED, "one a file: name an organization with --org")
        settings = settings.model_copy(update={"credentials_dir": None})
    tokens = AccessTokens(settings, session, asyncio.get_running_loop().time)
    try:
        token = await tokens.current(org_id or _ANY_ORG)
    except CredentialRejectedError as error:
        return None, Check("credential", Status.FAILED, str(error).replace(", then resume the job", ""))
    except TokenUnavailableError as error:
        return None, Check("credential", Status.UNREACHABLE, f"{error}: try again; the API may be down")
    if settings.access_token is not None:
        peculiarity = f" ({tokens.oddity()})" if tokens.oddity() else ""
        return token, Check(
            "credential", Status.OK, f"a ready access token{peculiarity}, not tried: that needs a request"
        )
    return token, Check("credential", Status.OK, "the API token was exchanged for an access token")


def _check_owner(token: str, org_id: str | None) -> Check:
    match ownership(token, org_id):
        case Ownership.OWNER if org_id is not None:
            return Check("organization", Status.OK, f"the credential is an owner of {org_id}")
        case Ownership.OWNER:
            return Check(
                "organization", Status.OK, "the credential is an owner; name --org to check of which"
            )
        case Ownership.NOT_OWNER:
            return Check(
                "organization",
                Status.FAILED,
                "no owner: use the API token of an Organization Owner's account",
            )
        case Ownership.OTHER_ORGANIZATION:
            return Check(
                "organization", Status.FAILED, f"the credential is not {org_id}'s: use one made in it"
            )
        case Ownership.UNSAID:
            return Check(
                "organization", Status.SKIPPED, "the access token does not say; the first request will"
            )
