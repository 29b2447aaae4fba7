"""What the claims of an access token say before the first id is sent."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.access.ownership import OWNER, claims_of, objection

ORG = "0f2c1d6e-0000-4000-8000-000000000001"
OTHER = "0f2c1d6e-0000-4000-8000-000000000002"


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def token(claims: Any) -> str:
    return f"{part(b'{}')}.{part(json.dumps(claims).encode())}.{part(b'signature')}"


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"perms": [OWNER]}, id="an owner"),
        pytest.param({"perms": ["csp:org_member", OWNER], "context_name": ORG}, id="an owner of this one"),
        pytest.param({"context_name": ORG.upper()}, id="this one, in capitals"),
        pytest.param({}, id="no claims"),
        pytest.param({"perms": []}, id="no permission listed at all"),
        pytest.param({"perms": OWNER}, id="perms of another shape"),
        pytest.param({"perms": None, "context_name": 7}, id="claims of other types"),
        pytest.param({"context_name": "my org"}, id="a context that is no id"),
        pytest.param([1], id="claims that are no object"),
    ],
)
def test_these_claims_are_no_objection(claims: Any) -> None:
    assert objection(token(claims), ORG) is None


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"perms": ["csp:org_member"]}, id="a member"),
        pytest.param({"perms": ["csp:org_owner_of_sorts", 7]}, id="something like an owner"),
        pytest.param({"perms": [OWNER], "context_name": OTHER}, id="an owner of another organization"),
    ],
)
def test_these_say_that_the_organization_will_refuse(claims: Any) -> None:
    found = objection(token(claims), ORG)
    assert found is not None
    assert "not an owner of this organization" in found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c.d",
        "..",
        "x.%%%.y",
        f"x.{part(b'[')}.y",
        "x._w.y",
        "é.é.é",
    ],
)
def test_a_token_that_is_no_jwt_proves_nothing(text: str) -> None:
    assert claims_of(text) == {}
    assert objection(text, ORG) is None


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: f"a.{part(raw)}.b"))
def test_no_token_raises(text: str) -> None:
    objection(text, ORG)
