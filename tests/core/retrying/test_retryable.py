"""Whether trying again makes sense, by the reason."""

import pytest

from worker.core.reason import Reason
from worker.core.retrying.retryable import is_retryable


@pytest.mark.parametrize(
    ("name", "status", "retryable"),
    [
        ("TOKEN_NOT_FOUND", 200, False),
        ("TOKEN_IS_EXPIRED", 200, False),
        ("REFUSED", 200, False),
        ("SERVICE_TEMPORARILY_UNAVAILABLE", 200, True),
        ("PLEASE_TRY_AGAIN_LATER", 200, True),
        ("CONTRADICTORY_ANSWER", 200, True),
        ("MISSING_FROM_ANSWER", 200, True),
        ("UNREADABLE_ANSWER", 200, True),
        ("PROBES_SPENT", 400, True),
        ("HTTP_400", 400, False),
        ("HTTP_413", 413, False),
        ("HTTP_422", 422, False),
        ("HTTP_302", 302, False),
        ("HTTP_408", 408, True),
        ("HTTP_409", 409, True),
        ("HTTP_500", 500, True),
        ("HTTP_503", 503, True),
        ("TIMED_OUT", 0, True),
        ("JOB_CANCELLED", 0, True),
    ],
)
def test_a_reason_says_whether_another_try_makes_sense(name: str, status: int, retryable: bool) -> None:
    assert is_retryable(Reason(name, "", status)) == retryable
