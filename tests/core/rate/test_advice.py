"""The headers in which servers tell of their quota, in every form that is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from worker.core.rate.advice import Quota, quota_of

NOW = 1_795_500_000.0
TWO_POLICIES = '"a";q=100;w=60, "b";q=1000;w=3600'


def read(**headers: str) -> Quota | None:
    return quota_of(CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}), NOW)


@pytest.mark.parametrize(
    ("headers", "quota"),
    [
        ({}, None),
        ({"RateLimit": '"default";r=50;t=30'}, Quota(50, 30)),
        ({"RateLimit": '"a";r=50;t=30', "RateLimit-Policy": '"a";q=100;w=60'}, Quota(50, 30, 100)),
        ({"RateLimit": '"a";r=60;t=30', "RateLimit-Policy": TWO_POLICIES}, Quota(60, 30, 100)),
        ({"RateLimit": '"c";r=60;t=30', "RateLimit-Policy": TWO_POLICIES}, Quota(60, 30)),
        ({"RateLimit": '"hour";r=900;t=3000, "second";r=1;t=1'}, Quota(900, 3000)),
        ({"RateLimit": "limit=100, remaining=50, reset=30"}, Quota(50, 30, 100)),
        ({"RateLimit-Limit": "100", "RateLimit-Remaining": "7", "RateLimit-Reset": "5"}, Quota(7, 5, 100)),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-reset": "5.5"}, Quota(7, 5.5)),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": str(int(NOW) + 60)}, Quota(7, 60)),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": str(int(NOW + 60) * 1000)}, Quota(7, 60)),
        ({"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "9", "X-Rate-Limit-Limit": "10, 10;w=1"},
         Quota(0, 9, 10)),
        ({"X-RateLimit-Remaining": "7"}, None),
        ({"X-RateLimit-Remaining": "many", "X-RateLimit-Reset": "5"}, None),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "0"}, None),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "86400"}, None),
        ({"RateLimit": "gibberish"}, None),
    ],
    ids=[
        "none", "newest", "with its policy", "with its policy of two", "with policies of others",
        "several", "combined", "apart", "in lower case", "epoch",
        "epoch in ms", "another spelling", "no reset", "no number", "at once", "a day", "gibberish",
    ],
)  # fmt: skip
def test_every_form_is_read(headers: dict[str, str], quota: Quota | None) -> None:
    assert quota_of(CIMultiDict(headers), NOW) == quota


@pytest.mark.parametrize(
    ("quota", "rate"),
    [
        (Quota(60, 10, 100), None),
        (Quota(50, 10, 100), 5.0),
        (Quota(50, 10), 5.0),
        (Quota(0, 10, 100), 0.1),
    ],
    ids=["plenty", "half", "of unknown size", "used up"],
)
def test_a_quota_is_spread_once_it_becomes_scarce(quota: Quota, rate: float | None) -> None:
    assert quota.rate == rate


@given(st.text(), st.text(), st.text())
def test_no_header_is_too_strange(combined: str, remaining: str, reset: str) -> None:
    quota = read(RateLimit=combined, RateLimit_Remaining=remaining, X_RateLimit_Reset=reset)
    assert quota is None or quota.reset > 0
