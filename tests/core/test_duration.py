import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.duration import LONGEST, parse_duration, show_duration
from worker.core.errors import BadInputError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("15m", 900.0),
        ("6h", 21600.0),
        ("30d", 2592000.0),
        ("90", 90.0),
        ("1.5h", 5400.0),
        ("0.5", 0.5),
        (" 6H ", 21600.0),
        ("36500d", LONGEST),
    ],
)
def test_a_number_and_a_unit_is_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("h", id="a unit alone"),
        pytest.param("0", id="zero"),
        pytest.param("0.0h", id="zero hours"),
        pytest.param("-5m", id="negative"),
        pytest.param("1h30m", id="two units"),
        pytest.param("5 m", id="space inside"),
        pytest.param(".5h", id="no digit before the point"),
        pytest.param("1e3", id="exponent"),
        pytest.param("inf", id="infinity"),
        pytest.param("nan", id="not a number"),
        pytest.param("5w", id="a unit that is none"),
        pytest.param("36501d", id="over a hundred years, which no date could show"),
        pytest.param("9" * 400, id="past every float"),
        pytest.param("9" * 5000, id="past every conversion of digits"),
        pytest.param("9" * 308 + "d", id="infinite only once multiplied"),
    ],
)
def test_anything_else_is_bad_input(text: str) -> None:
    with pytest.raises(BadInputError, match="is no duration: write a number and s, m, h or d"):
        parse_duration(text)


@given(st.text())
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except BadInputError:
        return
    assert 0 < seconds <= LONGEST


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (59.4, "59s"),
        (59.6, "1m 00s"),
        (61, "1m 01s"),
        (3599.7, "1h 00m"),
        (3840, "1h 04m"),
        (86399, "23h 59m"),
        (86400, "1d 00h"),
        (90000, "1d 01h"),
    ],
)
def test_a_duration_is_shown_in_at_most_two_units(seconds: float, shown: str) -> None:
    assert show_duration(seconds) == shown
