"""The report as a table: whole words on a narrow terminal, and everything in its line on a wide one."""

from io import StringIO

import pytest
from rich.console import Console

from producers.display.table import _failures
from tests.reports.pages import report
from worker.core.reason import MAX_NAME
from worker.core.reporting.schema import FailureGroup

LONGEST = "N" * MAX_NAME


@pytest.mark.parametrize(("width", "stacked"), [(80, True), (120, False)])
def test_the_longest_name_of_a_reason_is_never_broken(width: int, stacked: bool) -> None:
    group = FailureGroup(LONGEST, "Token not found", 1_234_567, 200, [], retryable=False)
    out = StringIO()
    Console(file=out, width=width).print(_failures(report([group]), stacked=stacked))
    lines = out.getvalue().splitlines()
    (named,) = [line for line in lines if LONGEST in line]
    assert "1,234,567" in named
    assert ("Token not found" in named) is not stacked
    assert "Token not found" in out.getvalue()
