"""Whether an access token belongs to an owner of the organization, checked before the first id is sent.

Access tokens were observed to be JWTs (RFC 7519) with the claims `context_name`, the organization's id, and
`perms`. This is not documented, so missing claims prove nothing. The signature is not verified: the API
decides about the token, and this check only stops a job early that could not succeed.
"""

import base64
from enum import StrEnum
from typing import Any, Final

import msgspec

from worker.core.ids import is_org_id

OWNER: Final = "csp:org_owner"
_PARTS: Final = 3
"""Parts of a JWT: header, claims, signature."""


class Ownership(StrEnum):
    OWNER = "owner"
    NOT_OWNER = "not owner"
    OTHER_ORGANIZATION = "other organization"
    UNSAID = "unsaid"


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JWT; empty for anything else."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        return {}
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(payload, type=dict[str, Any])
    except (ValueError, msgspec.DecodeError, RecursionError):
        return {}


def organization_of(token: str) -> str | None:
    """The organization's id in the claims; None if they have none."""
    context = claims_of(token).get("context_name")
    return context if isinstance(context, str) and is_org_id(context) else None


def ownership(access_token: str, org_id: str | None) -> Ownership:
    """Compares the claims with `org_id`; if that is None, checks the role only. Never raises."""
    context = organization_of(access_token)
    if org_id is not None and context is not None and context.lower() != org_id.lower():
        return Ownership.OTHER_ORGANIZATION
    perms = claims_of(access_token).get("perms")
    if not isinstance(perms, list) or not perms:
        return Ownership.UNSAID
    return Ownership.OWNER if OWNER in perms else Ownership.NOT_OWNER


def objection(access_token: str, org_id: str) -> str | None:
    """Why the API will reject the token for the organization; None if the claims do not show it."""
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
