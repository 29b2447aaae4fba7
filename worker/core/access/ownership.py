"""What an access token says of its bearer, before the first id is sent: an owner of the organization, or not.

Access tokens have been seen to be JWTs (RFC 7519) whose claims hold `context_name`, the organization's
id, and `perms`. No document promises that: where they are not there, nothing is known. The signature is
not looked at, since the API judges the token; here it only spares a job that could not succeed.
"""

import base64
from enum import StrEnum
from typing import Any, Final

import msgspec

from worker.core.ids import is_org_id

OWNER: Final = "csp:org_owner"
_PARTS: Final = 3
"""Head, claims, signature."""


class Ownership(StrEnum):
    OWNER = "owner"
    NOT_OWNER = "not owner"
    OTHER_ORGANIZATION = "other organization"
    UNSAID = "unsaid"


def claims_of(token: str) -> dict[str, Any]:
    """The claims in the payload of a JWT; none for anything else."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        return {}
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(payload, type=dict[str, Any])
    except (ValueError, msgspec.DecodeError, RecursionError):
        return {}


def organization_of(token: str) -> str | None:
    """The organization that the claims name, if they do."""
    context = claims_of(token).get("context_name")
    return context if isinstance(context, str) and is_org_id(context) else None


def ownership(access_token: str, org_id: str | None) -> Ownership:
    """What the claims say of `org_id`; with None only the role is looked at. Never raises."""
    context = organization_of(access_token)
    if org_id is not None and context is not None and context.lower() != org_id.lower():
        return Ownership.OTHER_ORGANIZATION
    perms = claims_of(access_token).get("perms")
    if not isinstance(perms, list) or not perms:
        return Ownership.UNSAID
    return Ownership.OWNER if OWNER in perms else Ownership.NOT_OWNER


def objection(access_token: str, org_id: str) -> str | None:
    """Why the API will refuse the token for the organization; None where its claims do not say so."""
    match ownership(access_token, org_id):
        case Ownership.OTHER_ORGANIZATION:
            context = organization_of(access_token)
            return (
                f"the credential belongs to organization {context}, and is not an owner of this organization"
            )
        case Ownership.NOT_OWNER:
            return "the credential is not an owner of this organization: its access token lacks the role"
        case _:
            return None
