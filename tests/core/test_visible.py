"""Text of others is shown on one line, and as what it is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, ünïcödé, 日本語, 🎉", "plain words, ünïcödé, 日本語, 🎉"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("abc\u202edef", "abc\\u202edef"),
        ("zero\u200bwidth\u2060and\ufeffmark", "zero\\u200bwidth\\u2060and\\ufeffmark"),
        ("soft\xadhyphen", "soft\\xadhyphen"),
        ("one\ntwo\r\nthree\tfour", "one\\x0atwo\\x0d\\x0athree\\x09four"),
        ("line\u2028paragraph\u2029", "line\\u2028paragraph\\u2029"),
        ("half\ud83d \udc80", "half\\ud83d \\udc80"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("", ""),
    ],
)
def test_unsafe_characters_are_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


@given(st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"]) | st.characters(), max_size=50))
def test_shown_text_is_one_line_that_any_terminal_can_write(text: str) -> None:
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown
    # Signs that stand before Arabic and Indic numbers are formatting by name, and are seen.
    assert not [char for char in shown if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}]
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not [char for char in shown if unicodedata.bidirectional(char) in turning]
