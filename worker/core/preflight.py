"""What the claims of an access token say about a job, before the first id is sent.

`perms` and `context_name` were seen in tokens and are documented nowhere, so a token that lacks them, or
that is no JWT, proves nothing. The signature is not checked: the API does that; we only read along.
"""

import base64
from typing import Any, Final

import msgspec

from worker.core.ids import is_org_id

OWNER: Final = "csp:org_owner"
_PARTS: Final = 3


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


def objection(token: str, org_id: str) -> str | None:
    """Why the API will refuse `token` for the organization; None where its claims do not say so."""
    claims = claims_of(token)
    context = claims.get("context_name")
    if isinstance(context, str) and is_org_id(context) and context.lower() != org_id.lower():
        return f"the credential belongs to organization {context}, and is not an owner of this organization"
    perms = claims.get("perms")
    if not isinstance(perms, list) or not perms or OWNER in perms:
        return None
    return "the credential is not an owner of this organization: its access token lacks the role"
