import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.access.ownership import Ownership, ownership

ORG = "6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f"
OTHER = "0f2c1d6e-0000-4000-8000-000000000001"


def token(claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{body}.c2ln"


@pytest.mark.parametrize(
    ("claims", "org_id", "says"),
    [
        ({"context_name": ORG, "perms": ["csp:org_member", "csp:org_owner"]}, ORG, Ownership.OWNER),
        ({"context_name": ORG, "perms": ["csp:org_member"]}, ORG, Ownership.NOT_OWNER),
        ({"context_name": ORG, "perms": []}, ORG, Ownership.UNSAID),
        ({"context_name": OTHER, "perms": ["csp:org_owner"]}, ORG, Ownership.OTHER_ORGANIZATION),
        ({"context_name": OTHER, "perms": ["csp:org_owner"]}, None, Ownership.OWNER),
        ({"perms": ["csp:org_owner"]}, ORG, Ownership.OWNER),
        ({"context_name": ORG}, ORG, Ownership.UNSAID),
        ({"perms": "csp:org_owner"}, ORG, Ownership.UNSAID),
        ([], ORG, Ownership.UNSAID),
    ],
    ids=[
        "owner",
        "member",
        "nothing",
        "another's owner",
        "any organization",
        "owner of some",
        "no perms",
        "perms of another shape",
        "no object",
    ],
)
def test_the_claims_tell(claims: Any, org_id: str | None, says: Ownership) -> None:
    assert ownership(token(claims), org_id) is says


@pytest.mark.parametrize(
    "text", ["", "opaque", "a.b.c", "a.%%%.c", "e30.e30", "é.é.é", f"a.{'W1tb' * 5000}.c"]
)
def test_a_token_that_is_no_jwt_says_nothing_about_ownership(text: str) -> None:
    assert ownership(text, ORG) is Ownership.UNSAID


@given(st.text())
def test_no_token_is_too_strange(text: str) -> None:
    assert ownership(f"a.{text}.c", ORG) in Ownership
