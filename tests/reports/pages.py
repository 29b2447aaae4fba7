"""Makes and parses report pages for tests."""

from collections import Counter
from html.parser import HTMLParser
from typing import Final

import msgspec

from tests.core.stored import T0
from worker.core.reporting.report import make_report
from worker.core.reporting.schema import FailureGroup, Rate, Report
from worker.core.reporting.timeline import Timeline, read_timeline
from worker.reports.html.page import page
from worker.reports.status import ReportSnapshot

VOID: Final = frozenset({"meta", "br", "rect", "path", "link", "img"})


class Parsed(HTMLParser):
    """The content of a page. Fails at a tag that is not closed properly."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text.replace("<wbr>", ""))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def count(self) -> Counter[str]:
        return Counter(tag for tag, _ in self.tags)

    def all(self, name: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def report(failures: list[FailureGroup] | None = None, changes: int = 2, **fields: object) -> Report:
    """The report of a job, at rest unless `fields` say otherwise."""
    manifest = {"sha256": "ab" * 32, "lines": 20, "unique": 15, "duplicates": 3, "malformed": 2}
    stored = {
        "state": "completed",
        "id": "20261123-220000-1a2b3c4d",
        "org_id": "6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f",
        "created_by": "anna@ops",
        "total": 15,
        "n_activated": 15,
        "created_ms": T0,
        "started_ms": T0 + 100,
        "ended_ms": T0 + 10_000,
        "manifest": msgspec.json.encode(manifest).decode(),
        **fields,
    }
    change = {"at": T0, "from": "queued", "to": "running", "code": "", "message": "", "actor": ""}
    history = [msgspec.json.encode(change).decode()] * changes
    rate = Rate("auto", 10.0, None)
    return make_report(
        {name: str(value) for name, value in stored.items()}, history, failures or [], rate, T0
    )


def timeline(buckets: int = 10, line: str = "3 45 0 0", **more: str) -> Timeline:
    return read_timeline({str(place): line for place in range(buckets)} | more)


def page_of(one: Report, over: Timeline | None = None) -> str:
    return page(one, [ReportSnapshot(one, timeline() if over is None else over)])
