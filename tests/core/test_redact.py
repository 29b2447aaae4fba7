import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.redact import MAX_MESSAGE, redact

VALUE = "aB3_-" * 12 + "wxyz"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln-bmF0_dXJl"
HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Not found", "Not found", id="a plain message stands"),
        pytest.param(f"token {JWT} expired", "token [redacted] expired", id="a JWT"),
        pytest.param("got eyJhbGciOiJub25lIn0.eyJ4In0.", "got [redacted]", id="a JWT without signature"),
        pytest.param("Authorization: Bearer abc.def-123=", "Authorization: [redacted]", id="a bearer"),
        pytest.param("bearer   abcdefgh", "[redacted]", id="a bearer, lower case"),
        pytest.param("Bearer token", "Bearer token", id="a word behind 'Bearer' that is too short to be one"),
        pytest.param(f"token {VALUE} refused", "token [redacted] refused", id="a token value"),
        pytest.param(f"'{VALUE}'", "'[redacted]'", id="a token value in quotes"),
        pytest.param(f"digest {HEX}", f"digest {HEX}", id="64 lower-case hex digits survive"),
        pytest.param(f"x{VALUE}", f"x{VALUE}", id="65 characters are no token value"),
        pytest.param("token ****ab12 expired", "token [redacted] expired", id="a tail behind asterisks"),
        pytest.param("token ••••ab12", "token [redacted]", id="a tail behind bullets"),
        pytest.param("token xxxxxxab12", "token [redacted]", id="a tail behind x's"),
        pytest.param("token ...Zk9f", "token [redacted]", id="a tail behind dots"),
        pytest.param("api_token=s3cr3t-and-long", "[redacted]", id="a named API token"),
        pytest.param("Password: hunter22", "[redacted]", id="a named password"),
        pytest.param("refresh-token = abcdefgh", "[redacted]", id="a named refresh token"),
        pytest.param("a\nb\r\nc\td", "a b c d", id="newlines become blanks"),
        pytest.param("a\x00\x1b[31mb\x7f\x9bc", "a [31mb c", id="control characters become blanks"),
        pytest.param("a\u2028b\u2029c", "a b c", id="separators of lines and paragraphs become blanks"),
        pytest.param("\ud800x\udfff", "x", id="halves of surrogate pairs become blanks"),
        pytest.param("  a  ", "a", id="blanks around it go"),
        pytest.param("", "", id="nothing stays nothing"),
    ],
)
def test_secrets_and_control_characters_are_taken_out(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize("mark", "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_a_character_that_turns_the_direction_of_writing_goes(mark: str) -> None:
    assert redact(f"abc{mark}def") == "abc def"


@given(st.text(max_size=3000))
def test_a_redacted_text_is_one_short_line_that_can_be_stored(text: str) -> None:
    shown = redact(text)
    assert len(shown) <= MAX_MESSAGE
    assert shown.encode().decode() == shown
    assert len(shown.splitlines()) <= 1
    assert "\0" not in shown


@given(st.text(st.characters(categories=["L", "N", "Z", "P"]), max_size=200), st.sampled_from([VALUE, JWT]))
def test_a_secret_among_other_words_is_never_shown(around: str, secret: str) -> None:
    assert secret not in redact(f"{around} {secret} {around}")


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("\n" * 1960, id="by blanks that shrink to one"),
        pytest.param(f"{VALUE} " * 30, id="by secrets that shrink to a word"),
        pytest.param(f"'{VALUE}'," * 29, id="by secrets, without a blank"),
    ],
)
def test_half_a_secret_where_a_long_text_is_cut_is_not_brought_into_sight(before: str) -> None:
    secret = "Q7" * 32
    shown = redact(before + secret + " and more" * 100)
    assert "Q7" not in shown
    assert shown.endswith("[redacted]")


def test_a_long_text_keeps_its_beginning() -> None:
    assert redact("word " * 1000) == ("word " * 100)[:MAX_MESSAGE]


def test_one_word_without_end_is_not_shown() -> None:
    assert redact("x9" * 5000) == "[redacted]"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("eyJ" * 400_000, id="beginnings of JWTs"),
        pytest.param("eyJaaaaaaaa." * 90_000, id="first parts of JWTs"),
        pytest.param("secret" + " " * 1_000_000, id="a name and blanks without end"),
        pytest.param("bearer " * 150_000, id="bearers"),
        pytest.param("*" * 1_000_000, id="a mask without end"),
        pytest.param("aB3_" * 250_000, id="letters without end"),
    ],
)
def test_no_more_than_the_beginning_of_a_hostile_megabyte_is_looked_at(text: str) -> None:
    # The patterns are quadratic at worst: read whole, these would not end.
    assert redact(text) == redact(text[: 4 * MAX_MESSAGE + 1])
