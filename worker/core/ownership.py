"""What an access token says of its bearer: an owner of the organization, or not.

Access tokens have been seen to be JWTs (RFC 7519) whose claims hold `context_name`, the organization's
id, and `perms`. No document promises that: where they are not there, nothing is known. The signature is
not looked at, since the API judges the token; here it only spares a job that could not succeed.
"""

import base64
import binascii
from enum import StrEnum
from typing import Final

import msgspec

_OWNER: Final = "csp:org_owner"


class Ownership(StrEnum):
    OWNER = "owner"
    NOT_OWNER = "not owner"
    OTHER_ORGANIZATION = "other organization"
    UNSAID = "unsaid"


class _Claims(msgspec.Struct):
    context_name: str | None = None
    perms: list[str] | None = None


def ownership(access_token: str, org_id: str | None) -> Ownership:
    """What the claims say of `org_id`; with None only the role is looked at. Never raises."""
    claims = _claims(access_token)
    if org_id is not None and claims.context_name not in {None, org_id}:
        return Ownership.OTHER_ORGANIZATION
    if claims.perms is None:
        return Ownership.UNSAID
    return Ownership.OWNER if _OWNER in claims.perms else Ownership.NOT_OWNER


def _claims(access_token: str) -> _Claims:
    parts = access_token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 -- head, claims, signature.
        return _Claims()
    try:
        raw = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(raw, type=_Claims)
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return _Claims()
