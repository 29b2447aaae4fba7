"""JSON in a document can be read, and a figure stands near the command that printed it."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.documents.markdown import Document, Section, documents
from tests.documents.test_names import source_words

ALL = pytest.mark.parametrize("page", documents(), ids=lambda page: page.name)

_FIGURE: Final = re.compile(
    r"\d[\d.,]*(?: to \d[\d.,]*)? (?:"
    r"%(?= of (?:a core|the (?:rate|limit|allowed)))|(?:ids|rows)/s|MB\b|GB of Redis|ms of CPU"
    r"|times the ideal|bytes an id|round trips a second)"
)
"""What was measured: throughput, memory, CPU, a share of the rate. Requests a second may be a rate to set."""
_COMMAND: Final = re.compile(
    r"tests\.benchmarks\.\w+|tests\.core\.rate\.\w+|\bpytest (?:tests|--)|python -m tests\.\w+"
)


def _keys(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for key, inside in value.items():
                yield str(key)
                yield from _keys(inside)
        case list():
            for inside in value:
                yield from _keys(inside)
        case _:
            pass


def _values(text: str) -> list[Any]:
    """The value of a block, or those of its lines."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


@ALL
def test_json_can_be_read_and_its_fields_are_there(page: Document) -> None:
    blocks = [(fence.line, fence.text) for fence in page.fences() if fence.language in {"json", "ndjson"}]
    blocks += [
        (line, text) for line, text in page.spans() if re.match(r'[{\[]\s*"', text) and "..." not in text
    ]
    for line, text in blocks:
        for key in (key for value in _values(text) for key in _keys(value)):
            for word in re.findall(r"[a-z_]\w*", key.lower()):
                assert word in source_words(), f"{page.name}:{line}: {key}"


@ALL
def test_a_section_with_a_figure_names_the_command_that_printed_it(page: Document) -> None:
    for section in page.sections():
        figure = _FIGURE.search(_prose(section))
        if figure is not None:
            assert _COMMAND.search(section.text), f"{page.name}: {section.heading}: {figure[0]}"


def _prose(section: Section) -> str:
    return re.sub(r"^```.*?^```$", "", section.text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "figure", ["66,000 ids/s", "0.22 ms of CPU", "1.03 to 1.05 times the ideal", "2 % of a core", "93 MB"]
)
def test_a_figure_is_seen(figure: str) -> None:
    assert _FIGURE.search(f"It takes {figure} here.")
