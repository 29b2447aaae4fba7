"""Which jobs a worker works on, and why nobody works on one."""

import pytest

from worker.core.job import ReasonCode
from worker.core.scope import Scope
from worker.core.unserved import unserved

ORG = "6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f"
PROD, STAGING = "https://prod.example", "https://staging.example:8443"
JOB = {"api_url": PROD, "org_id": ORG}


@pytest.mark.parametrize("scope", [Scope(PROD), Scope(STAGING, frozenset({ORG, "another-org"}))])
def test_the_scope_of_a_worker_is_read_back(scope: Scope) -> None:
    assert Scope.parse(scope.text()) == scope


def test_the_host_names_the_budget() -> None:
    assert (Scope(PROD).host, Scope(STAGING).host) == ("prod.example", "staging.example:8443")


@pytest.mark.parametrize(
    ("scopes", "code"),
    [
        ([], None),
        ([Scope(PROD)], None),
        ([Scope(STAGING), Scope(PROD)], None),
        ([Scope(PROD, frozenset({ORG}))], None),
        ([Scope(STAGING)], ReasonCode.OTHER_API_HOST),
        ([Scope(PROD.replace("https", "http"))], ReasonCode.OTHER_API_HOST),
        ([Scope(STAGING, frozenset({ORG})), Scope(STAGING)], ReasonCode.OTHER_API_HOST),
        ([Scope(PROD, frozenset({"another-org"}))], ReasonCode.ORGANIZATION_NOT_SERVED),
        ([Scope(PROD, frozenset({"another-org"})), Scope(STAGING)], ReasonCode.ORGANIZATION_NOT_SERVED),
    ],
)
def test_a_job_that_no_live_worker_serves_says_why(scopes: list[Scope], code: ReasonCode | None) -> None:
    why = unserved(JOB, scopes)
    assert (None if why is None else why[0]) == code
    if why is not None:
        assert (PROD if code is ReasonCode.OTHER_API_HOST else ORG) in why[1]


def test_an_unclaimed_job_is_for_any_api() -> None:
    assert unserved({"org_id": ORG.upper()}, [Scope(STAGING, frozenset({ORG}))]) is None
