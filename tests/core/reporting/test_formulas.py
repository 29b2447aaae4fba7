import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.reporting.formulas import guarded, unguarded

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("=1", "'=1"),
        ("'=1", "''=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a,=1", "a,'=1"),
        ("a;=cmd", "a;'=cmd"),
        ('a;"=1"', 'a;\'"=1"'),
        ("-;-,-", "'-;'-,'-"),
        ("a-b", "a-b"),
        ("a;b,c=d", "a;b,c=d"),
        ("'a", "'a"),
        ("", ""),
    ],
)
def test_a_cell_that_would_be_run_as_a_formula_is_escaped(cell: str, text: str) -> None:
    assert guarded(cell) == text
    assert unguarded(text) == cell


TEXTS = st.text(st.sampled_from(["'", '"', ",", ";", "a", *SIGNS]), max_size=12)


@given(TEXTS)
def test_the_mark_comes_off_again(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell


@given(TEXTS, st.sampled_from(",;"), st.booleans())
def test_no_cell_begins_with_a_sign_whatever_the_separator(cell: str, separator: str, quoted: bool) -> None:
    """As a spreadsheet of another country reads it; some do not mind quotes."""
    line = '"' + guarded(cell).replace('"', '""') + '"' if quoted else guarded(cell)
    for style in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        for found in next(csv.reader([f"x{separator}{line}"], delimiter=separator, quoting=style)):
            assert found.lstrip('"')[:1] not in set(SIGNS)
