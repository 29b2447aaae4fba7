import pytest

from tests.limits.headers import rate_limit_headers, retry_after
from tests.limits.limiters import NoLimit, SlidingLog


@pytest.mark.parametrize(
    ("manner", "header", "seconds"),
    [
        ("none", b"", 0.0),
        ("true", b"Retry-After: 1.235\r\n", 1.235),
        ("ceil", b"Retry-After: 2\r\n", 2.0),
        ("0.5", b"Retry-After: 0.5\r\n", 0.5),
        ("-3", b"Retry-After: -3\r\n", 0.0),
        ("soon", b"Retry-After: soon\r\n", 0.0),
    ],
)
def test_tells_when_to_come_back(manner: str, header: bytes, seconds: float) -> None:
    assert retry_after(manner, 1.2345) == (header, seconds)


@pytest.mark.parametrize(
    ("manner", "headers"),
    [
        ("ietf", b'RateLimit-Policy: "default";q=10;w=3\r\nRateLimit: "default";r=4;t=2\r\n'),
        ("fields", b"RateLimit-Limit: 10\r\nRateLimit-Remaining: 4\r\nRateLimit-Reset: 2\r\n"),
        ("x", b"X-RateLimit-Limit: 10\r\nX-RateLimit-Remaining: 4\r\nX-RateLimit-Reset: 2\r\n"),
    ],
)
def test_tells_what_is_left_in_whole_numbers_that_promise_no_more_than_is_true(
    manner: str, headers: bytes
) -> None:
    limiter = SlidingLog(4.2, 2.6)
    for at in (0.0, 0.2, 1.1, 1.2, 1.3, 1.4):
        limiter.admit(at)
    assert rate_limit_headers(manner, limiter, 2.05) == headers


def test_where_there_is_no_limit_nothing_is_told() -> None:
    assert rate_limit_headers("ietf", NoLimit(), 1.0) == b""
