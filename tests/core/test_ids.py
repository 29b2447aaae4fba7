import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.ids import (
    MAX_ID_LENGTH,
    SECRET_SAMPLE,
    are_plain,
    is_list_of_token_values,
    is_org_id,
    looks_like_token_value,
    malformed,
)

VALUE = "aB3_-" * 12 + "wxyz"
GUID = "5f3a1c9e-0000-4000-8000-00000000beef"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(GUID, id="a GUID"),
        pytest.param("x", id="one character"),
        pytest.param("x" * MAX_ID_LENGTH, id="256 characters"),
        pytest.param("ключ/+=,;:'\"<>{}", id="what is merely unusual"),
        pytest.param("\U0001f511", id="a character outside the basic plane"),
        pytest.param(VALUE, id="what looks like a secret, since that is judged by the list"),
    ],
)
def test_an_id_may_be_anything_without_white_space_or_control_characters(text: str) -> None:
    assert malformed(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("", "empty id", id="empty"),
        pytest.param("x" * 257, "257 characters, at most 256 allowed", id="too long"),
        pytest.param("ab c", "a space at column 3", id="a space"),
        pytest.param("\tab", "a tab at column 1", id="a tab"),
        pytest.param("ab\n", "a line feed at column 3", id="a newline at its end"),
        pytest.param("a\u00a0b", "a no-break space at column 2", id="a no-break space"),
        pytest.param("a\u2028b", "a line separator at column 2", id="a line separator"),
        pytest.param("a\x00b", "a NUL byte at column 2", id="NUL"),
        pytest.param("a\x7fb", "a control character (U+007F) at column 2", id="DEL"),
        pytest.param("a\x9bb", "a control character (U+009B) at column 2", id="a C1 control"),
        pytest.param("a\ud800", "not UTF-8 at column 2", id="half a surrogate pair"),
        pytest.param("a\u200bb", "a zero-width space at column 2", id="zero-width"),
        pytest.param("\ufeffab", "a byte order mark at column 1", id="a byte order mark"),
        pytest.param("ab\u00ad", "a soft hyphen at column 3", id="a soft hyphen"),
        pytest.param("a\u202eb", "a right-to-left override at column 2", id="a bidi override"),
        pytest.param("a\u2066b", "a left-to-right isolate at column 2", id="a bidi isolate"),
        pytest.param("a\u200fb", "a right-to-left mark at column 2", id="a bidi mark"),
        pytest.param("a\u2060b", "a word joiner at column 2", id="a joiner"),
        pytest.param("a\ufe0fb", "a variation selector-16 at column 2", id="a variation selector"),
        pytest.param("a\u3164b", "a hangul filler at column 2", id="a filler"),
        pytest.param("a\u2800b", "a braille pattern blank at column 2", id="a blank of Braille"),
        pytest.param("a\U000e0041b", "a tag latin capital letter a at column 2", id="a tag"),
        pytest.param("a\u2065b", "a reserved character (U+2065) at column 2", id="reserved as ignorable"),
        pytest.param("\u201cab\u201d", "a left double quotation mark at column 1", id="double quotes"),
        pytest.param("ab\u2019", "a right single quotation mark at column 3", id="a typographic apostrophe"),
        pytest.param("\u00abab", "a left-pointing double angle quotation mark at column 1", id="guillemets"),
        pytest.param("ab\u2033", "a double prime at column 3", id="a prime"),
        pytest.param("\u300cab", "a left corner bracket at column 1", id="a corner bracket"),
        pytest.param("\uff02ab", "a fullwidth quotation mark at column 1", id="a full-width quote"),
        pytest.param("a\ufffdb", "a replacement character at column 2", id="what was lost in decoding"),
    ],
)
def test_text_that_can_never_be_an_id_is_described_and_not_quoted(text: str, why: str) -> None:
    assert malformed(text) == why


@given(st.text(min_size=1, max_size=300))
def test_a_well_formed_id_can_be_stored_between_newlines(text: str) -> None:
    if malformed(text) is None:
        assert text.encode().decode().split() == [text]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        pytest.param(VALUE, True, id="64 of the alphabet"),
        pytest.param("A" * 64, True, id="64 of one letter"),
        pytest.param("0123456789ABCDEF" * 4, True, id="64 upper-case hex digits"),
        pytest.param("0123456789abcdef" * 4, False, id="64 lower-case hex digits are a digest"),
        pytest.param(VALUE[:-1], False, id="63"),
        pytest.param(VALUE + "x", False, id="65"),
        pytest.param(VALUE[:-1] + "+", False, id="a character outside the alphabet"),
        pytest.param(VALUE[:-1] + "é", False, id="a letter outside ASCII"),
        pytest.param(VALUE + "\n", False, id="a newline behind it"),
        pytest.param(GUID, False, id="a GUID"),
    ],
)
def test_the_shape_of_a_token_value(text: str, verdict: bool) -> None:
    assert looks_like_token_value(text) is verdict


@pytest.mark.parametrize(
    ("ids", "verdict"),
    [
        pytest.param([], False, id="an empty list"),
        pytest.param([VALUE], True, id="one value"),
        pytest.param([VALUE, GUID], False, id="exactly half"),
        pytest.param([VALUE, GUID, VALUE], True, id="one more than half"),
        pytest.param([VALUE] * 500 + [GUID] * 500, False, id="exactly half of the sample"),
        pytest.param([VALUE] * 501 + [GUID] * 499, True, id="one more than half of the sample"),
        pytest.param([VALUE] * 501 + [GUID] * 10_000, True, id="only the first thousand count"),
        pytest.param([GUID] * 1000 + [VALUE] * 10_000, False, id="what comes later does not count"),
    ],
)
def test_a_list_is_one_of_secrets_when_more_than_half_of_its_top_is(ids: list[str], verdict: bool) -> None:
    assert is_list_of_token_values(ids) is verdict


def test_no_more_than_the_sample_is_taken_from_a_stream() -> None:
    stream = iter([GUID] * (SECRET_SAMPLE + 1))
    is_list_of_token_values(stream)
    assert len(list(stream)) == 1


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        pytest.param(GUID, True, id="a GUID"),
        pytest.param("a1b2c3d4", True, id="eight characters"),
        pytest.param("a" * 64, True, id="64 characters"),
        pytest.param("a1b2c3d", False, id="seven"),
        pytest.param("a" * 65, False, id="65"),
        pytest.param("-a1b2c3d4", False, id="a dash in front"),
        pytest.param("a1b2c3d4-", False, id="a dash behind"),
        pytest.param("../../../etc", False, id="a path"),
        pytest.param("a1b2c3d4?x", False, id="a query"),
        pytest.param("a1b2c3d4\n", False, id="a newline behind it"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_an_organization_id_is_safe_inside_a_path(text: str, verdict: bool) -> None:
    assert is_org_id(text) is verdict


@pytest.mark.parametrize(
    ("ids", "plain"),
    [
        (["an-id", "another"], True),
        ([], True),
        (["an-id", ""], False),
        (["an id"], False),
        (["an-id\n"], False),
        (["an-\x00id"], False),
        (["é-id"], False),
        (["x" * (MAX_ID_LENGTH + 1)], False),
        (["x" * MAX_ID_LENGTH], True),
    ],
)
def test_what_is_plain_at_one_look_is_not_malformed(ids: list[str], *, plain: bool) -> None:
    assert are_plain(ids) == plain
    if plain:
        assert not any(map(malformed, ids))


def test_no_printable_character_of_ascii_is_malformed_but_the_space() -> None:
    printable = [chr(code) for code in range(128) if chr(code).isprintable()]
    assert [char for char in printable if malformed(char)] == [" "]
