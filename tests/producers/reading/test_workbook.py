"""Ids in an Excel workbook. With CI=true the library that reads one has to be there."""

import io
import sys
from collections.abc import Callable
from importlib.util import find_spec

import pytest

from producers.reading import InputOptions, Malformed, Source, Wellformed, survey
from tests.producers.reading.rows import Row
from tests.producers.reading.workbooks import DATE, Sheet, column, error, formula, number, text, workbook
from tests.servers import missing
from worker.core.errors import BadInputError

Read = Callable[..., list[Row]]


@pytest.fixture(autouse=True)
def _calamine(request: pytest.FixtureRequest) -> None:
    if find_spec("python_calamine") is None and "without" not in request.node.name:
        missing("python-calamine, of the extra excel,")


def test_the_first_sheet_that_is_not_hidden_is_read(read: Read, read_file: Read) -> None:
    book = workbook(
        Notes=Sheet(column("id", "wrong"), visible=False),
        Tokens=Sheet(column("id", "a", "b")),
        More=Sheet(column("id", "c")),
    )
    expected = [Wellformed(2, "a"), Wellformed(3, "b")]
    assert read_file("ids.xlsx", book) == read(book, format="xlsx") == expected
    for sheet in ("More", "3"):
        assert read(book, sheet=sheet) == [Wellformed(2, "c")]
    assert read(book, sheet="Notes") == [Wellformed(2, "wrong")]


def test_the_lines_are_the_rows_of_the_sheet_and_hidden_rows_are_rows(read: Read) -> None:
    cells = {
        3: {"B": text("name"), "C": text("ID")},
        4: {"B": text("x"), "C": text("a")},
        6: {"B": text("y"), "C": text("b")},
        7: {"B": text("name"), "C": text("ID")},
    }
    book = workbook(S=Sheet(cells, hidden=[6]))
    expected = [Wellformed(4, "a"), Wellformed(6, "b")]
    assert read(book, format="xlsx") == expected
    assert read(book, format="xlsx", column="3") == expected


def test_cells_are_read_as_excel_holds_them(read: Read) -> None:
    long = "a number of more than 15 digits, which Excel does not keep; format the column as text"
    cells = {
        1: {"A": text("id"), "B": text("note")},
        2: {"A": number("12345")},
        3: {"A": number("1E3")},
        4: {"A": number("999999999999999")},
        5: {"A": number("123456789012345678")},
        6: {"A": formula("B1&C1", "made-id")},
        7: {"A": formula("B1&C1", None), "B": text("never calculated")},
        8: {"A": error("#N/A"), "B": text("failed")},
        9: {"A": number("45000", DATE)},
        10: {"A": 't="b"><v>1</v></c>'},
        11: {"A": text("spaced id")},
        12: {"A": number("1.5")},
    }
    assert read(workbook(S=Sheet(cells)), format="xlsx") == [
        Wellformed(2, "12345"),
        Wellformed(3, "1000"),
        Wellformed(4, "999999999999999"),
        Malformed(5, long),
        Wellformed(6, "made-id"),
        Malformed(7, "empty id"),
        Malformed(8, "empty id"),
        Malformed(9, "a cell of kind date, expected text; format the column as text"),
        Malformed(10, "a cell of kind bool, expected text; format the column as text"),
        Malformed(11, "a space at column 7"),
        Wellformed(12, "1.5"),
    ]


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (workbook(S=Sheet(column("name"))), {"column": "id"}, "no column id"),
        (workbook(S=Sheet(column("id")), T=Sheet({})), {"sheet": "U"}, "no sheet U (--sheet); found S, T"),
        (workbook(S=Sheet(column("id"))), {"sheet": "2"}, "no sheet 2"),
        (b"id\na\n", {}, "no Excel workbook"),
        (workbook(S=Sheet(column("id")))[:-40], {}, "no Excel workbook"),
    ],
)
def test_a_workbook_without_the_ids_is_refused(data: bytes, options: dict[str, str], words: str) -> None:
    with Source.open("-", io.BytesIO(data)) as source, pytest.raises(BadInputError) as caught:
        survey(source, InputOptions(format="xlsx", **options))  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    book = workbook(S=Sheet(column("id", "a")))
    with Source.open("-", io.BytesIO(book)) as source, pytest.raises(BadInputError) as caught:
        survey(source, InputOptions(format="xlsx"))
    assert "bulk-activation-worker[excel]" in str(caught.value)
