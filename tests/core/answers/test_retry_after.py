from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.core.answers.retry_after import LONGEST, retry_after, their_now

NOW = datetime(1994, 11, 6, 8, 49, 27, tzinfo=UTC).timestamp()
"""Ten seconds before the date that RFC 9110 gives as its example."""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("120", 120.0, id="seconds"),
        pytest.param("1.5", 1.5, id="decimals"),
        pytest.param("  7 ", 7.0, id="blanks around it"),
        pytest.param("0", 0.0, id="zero"),
        pytest.param("-3", 0.0, id="negative is now"),
        pytest.param("3600.1", LONGEST, id="over an hour is an hour"),
        pytest.param("99999999999", LONGEST, id="an absurd number is an hour"),
        pytest.param("1e400", LONGEST, id="past every float is an hour"),
        pytest.param("inf", LONGEST, id="infinity is an hour"),
        pytest.param("-inf", 0.0, id="minus infinity is now"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", 10.0, id="date of RFC 5322"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", 10.0, id="date of RFC 850"),
        pytest.param("Sun Nov  6 08:49:37 1994", 10.0, id="date of asctime, which has no zone and means UTC"),
        pytest.param("Sun, 06 Nov 1994 08:49:37", 10.0, id="a date without a zone means UTC"),
        pytest.param("Sun, 06 Nov 1994 10:49:37 +0200", 10.0, id="another zone"),
        pytest.param("Sun, 06 Nov 1994 03:49:37 EST", 10.0, id="a zone by its name"),
        pytest.param("Sun, 06 Nov 1994 08:49:27 GMT", 0.0, id="the date is now"),
        pytest.param("Sat, 05 Nov 1994 08:49:37 GMT", 0.0, id="a date in the past is now"),
        pytest.param("Tue, 06 Nov 2094 08:49:37 GMT", LONGEST, id="a date a century away is an hour"),
    ],
)
def test_seconds_and_dates_are_read(value: str, seconds: float) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="absent"),
        pytest.param("", id="empty"),
        pytest.param("nan", id="not a number"),
        pytest.param("soon", id="a word"),
        pytest.param("5 s", id="a unit"),
        pytest.param("120, 120", id="two headers joined"),
        pytest.param("2026-11-23T22:00:00Z", id="an ISO date"),
        pytest.param("Mon, 99 Foo 2020 00:00:00 GMT", id="a month that is none"),
        pytest.param("1 Jan 99999 00:00:00 GMT", id="a year past every date"),
        pytest.param("1 Jan 2020 00:00:00 " + "9" * 400, id="a zone past every number"),
        pytest.param("1 Jan 2020 1.2.3.4 GMT", id="a time of four parts"),
    ],
)
def test_what_cannot_be_read_says_nothing(value: str | None) -> None:
    assert retry_after(value, NOW) is None


DATE_LIKE = st.lists(
    st.sampled_from(
        ["Sun,", "6", "06", "Nov", "1994", "94", "08:49:37", "8.49", "GMT", "+0200", "-", ":", "9" * 30]
    ),
    max_size=8,
).map(" ".join)


@given(st.text() | DATE_LIKE | st.from_regex(r"[-+]?[0-9_.]{0,400}(e[0-9]{1,5})?", fullmatch=True))
@example("9" * 5000)
@example("\x00")
@example("1 Jan 0 0:0:0")
def test_no_text_raises_or_holds_for_longer_than_an_hour(value: str) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or 0.0 <= seconds <= LONGEST


ZONES = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.integers(0, 3600), ZONES)
def test_a_date_means_the_same_moment_in_every_zone(ahead: int, zone: timezone) -> None:
    date = datetime.fromtimestamp(NOW + ahead, zone)
    assert retry_after(format_datetime(date), NOW) == ahead


@pytest.mark.parametrize(
    ("date", "theirs"),
    [
        ("Tue, 24 Nov 2026 12:00:00 GMT", 1_795_521_600.0),
        (None, 5.0),
        ("", 5.0),
        ("yesterday", 5.0),
        ("Tue, 99 Nov 99999999 12:00:00 GMT", 5.0),
    ],
)
def test_a_date_is_read_on_the_clock_of_the_server(date: str | None, theirs: float) -> None:
    assert their_now(date, 5.0) == theirs


def test_a_clock_that_is_wrong_by_hours_makes_no_hold_longer() -> None:
    date, until = "Tue, 24 Nov 2026 12:00:00 GMT", "Tue, 24 Nov 2026 12:00:07 GMT"
    wrong = 1_795_521_600.0 - 18_000
    assert retry_after(until, their_now(date, wrong)) == 7.0
