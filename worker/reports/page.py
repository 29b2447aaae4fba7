"""The report as one self-contained HTML page: no script, nothing loaded from elsewhere.

A first version: verdict, facts, counts, failures. Its size does not depend on the number of ids.
"""

from collections.abc import Iterable
from html import escape
from typing import Final

from worker.core.outcome import COUNTED
from worker.core.report import Report
from worker.reports.verdict import verdict

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; padding: .3rem 1rem .3rem 0; vertical-align: top; overflow-wrap: anywhere; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
tr { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
.verdict { font-size: 1.25rem; font-weight: 600; }
@media print { body { margin: 0; max-width: none; } }
"""


def page(report: Report) -> str:
    title = f"Activation report, job {report.job_id}"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>",
            f"<h1>{escape(title)}</h1>",
            f'<p class="verdict">{escape(verdict(report))}</p>',
            "<h2>Facts</h2>",
            _table((), ((name, value) for name, value in _facts(report))),
            "<h2>Ids</h2>",
            _table(
                (), ((outcome.replace("_", " "), report.counts[outcome]) for outcome in ("total", *COUNTED))
            ),
            "<h2>Requests</h2>",
            _table((), ((name, count) for name, count in report.requests.items() if name != "by_status")),
            *_failures(report),
            "</main></body></html>",
            "",
        )
    )


def _failures(report: Report) -> Iterable[str]:
    if not report.failures:
        return
    yield "<h2>Why ids are not active</h2>"
    yield _table(
        ("ids", "reason", "HTTP status", "try again?", "message", "for example"),
        (
            (
                group.count,
                group.reason,
                str(group.status or ""),
                "yes" if group.retryable else "no",
                group.message,
                " ".join(group.sample_ids),
            )
            for group in report.failures
        ),
    )


def _facts(report: Report) -> Iterable[tuple[str, str]]:
    manifest = report.manifest
    yield "organization", report.org_id
    yield "asked by", report.created_by
    yield "created", report.created_at or ""
    yield "started", report.started_at or ""
    yield "ended", report.ended_at or ""
    yield "list", f"{manifest.lines:,} lines, {manifest.unique:,} unique ids"
    yield "not sent", f"{manifest.duplicates:,} duplicates, {manifest.malformed:,} malformed lines"
    yield "sha256 of the list", manifest.sha256 or ""


def _table(head: Iterable[str], rows: Iterable[Iterable[str | int]]) -> str:
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = [f"<tr>{names}</tr>"] if names else []
    lines += (f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return "<table>" + "\n".join(lines) + "</table>"


def _cell(value: str | int) -> str:
    if isinstance(value, int):
        return f'<td class="n">{value:,}</td>'
    return f"<td>{escape(value)}</td>"
