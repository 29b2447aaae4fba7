"""The page: right, safe, small, and readable for everyone."""

import re
from importlib.resources import files
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import ChoiceLoader, DictLoader, UndefinedError

from tests.core.stored import T0
from tests.reports.pages import Parsed, page_of, report, timeline
from worker.core.outcome import Outcome
from worker.core.reporting.schema import FailureGroup
from worker.reports.html.axis import axis_top, tick_interval
from worker.reports.html.environment import environment
from worker.reports.html.markup import share, text
from worker.reports.html.page import MAX_PAGE, page
from worker.reports.status import ReportSnapshot

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>\x00\x1b[31m\u202e'&"
FAILED = FailureGroup("TOKEN_NOT_FOUND", "Token <id> not found", 3, 200, ["id-1", "id-2"], retryable=False)


def test_fifteen_ids_that_are_all_active() -> None:
    shown = Parsed(page_of(report(), timeline(1))).text
    assert "2 of 20 lines were malformed and never sent. All 15 tokens are active." in shown
    assert "too short a time for a curve" in shown
    assert "Why ids are not active" not in shown
    assert "ab" * 32 in shown
    assert "anna@ops" in shown
    assert "2026-11-23T22:00:00.000Z" in shown
    assert "3 duplicates, 2 malformed lines" in shown


def test_a_job_of_ten_million_with_everything_in_it() -> None:
    counts = {"activated": 9_900_000, "failed": 99_999, "unknown": 1}
    fields = {f"n_{name}": count for name, count in counts.items()}
    spent = {"r_ms_in_flight": 5_000_000, "r_ms_held_by_429": 60_000, "r_429": 7, "r_throttled": 7}
    one = report([FAILED], total=10_000_000, ended_ms=T0 + 100 + 256 * 32_000, **fields, **spent)
    over = timeline(256, width_ms="32000", **{"100": "9 0 3 90000"})
    written = page_of(one, over)
    parsed = Parsed(written)
    assert "9,900,000 of 10,000,000 tokens are active; 99,999 refused, 1 not known" in parsed.text
    assert "< 0.1 %" in parsed.text
    assert "held by a 429" in parsed.text
    assert "TOKEN_NOT_FOUND" in parsed.text
    assert "Token <id> not found" in parsed.text
    assert 'class="hold" x="390.6"' in written
    assert len(written) < 40_000


@pytest.mark.parametrize("lines", [0, 1, 3, 256])
def test_a_timeline_of_any_length(lines: int) -> None:
    Parsed(page_of(report(), timeline(lines)))


def test_the_allowed_rate_is_a_line_where_it_is_known_and_near() -> None:
    known = {"3": "0 45 0 0 0", "5": "3 45 0 0 18"}
    written = page_of(report(), timeline(8, "3 45 0 0 12", **known))
    assert "allowed 4 to 6 a second" in Parsed(written).text
    (line,) = re.findall(r'<path class="allowed" d="([^"]*)"', written)
    # A gap at the fourth interval, in which nothing was sent; a step up at the sixth.
    assert line.count("M") == 2
    assert len(set(re.findall(r"V([\d.]+)", line))) == 2
    far = page_of(report(), timeline(8, "3 45 0 0 3000"))
    assert "allowed 1,000 a second" in Parsed(far).text
    assert '<path class="allowed"' not in far
    assert "allowed" not in Parsed(page_of(report(), timeline(8))).text


def test_a_job_that_runs_is_told_as_it_stands() -> None:
    one = report(state="running", n_activated=5, n_pending=10, active_since=T0, ended_ms=T0)
    one = msgspec.structs.replace(one, ended_at=None)
    assert "The job is running." in Parsed(page_of(one)).text


def test_counters_that_do_not_balance_are_a_warning() -> None:
    assert "do not rely on this page" in Parsed(page_of(report(total=16))).text


def test_what_others_wrote_is_text_and_nothing_else() -> None:
    failures = [FailureGroup(HOSTILE, HOSTILE, 3, 200, [HOSTILE], retryable=True)]
    labels = msgspec.json.encode({HOSTILE: HOSTILE}).decode()
    fields: dict[str, Any] = {
        "reason_message": HOSTILE,
        "request_id": HOSTILE,
        "created_by": HOSTILE,
        "labels": labels,
    }
    parsed = Parsed(page_of(report(failures, **{**fields, "id": HOSTILE, "state": "failed"})))
    assert not {"script", "img"} & parsed.count().keys()
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    assert not any(char in parsed.text for char in "\x00\x1b\u202e")
    assert "<script>alert(1)" in parsed.text


@given(st.text())
def test_any_text_is_harmless_and_bounded(value: str) -> None:
    shown = text(value)
    assert not set("<>\"'") & set(shown)
    assert len(shown) <= 200 * 6


def test_nothing_is_loaded_from_elsewhere() -> None:
    written = page_of(report([FAILED]))
    parsed = Parsed(written)
    assert not {"script", "link", "img", "iframe", "object"} & parsed.count().keys()
    assert not any(name in {"src", "href", "xlink:href"} for _, found in parsed.tags for name in found)
    assert not re.search(r"https?://|url\(|@import", written)


def test_the_largest_page_stays_below_its_bound() -> None:
    wide = "\U000e0001" * 500
    failures = [FailureGroup('"' * 48, wide, 10**7, 599, [wide] * 5, retryable=True) for _ in range(51)]
    labels = msgspec.json.encode({f"{number}{wide}": wide for number in range(99)}).decode()
    full = report(failures, 200, labels=labels, created_by=wide, request_id=wide, reason_message=wide)
    change = msgspec.structs.replace(full.history[0], message=wide, actor=wide, code=wide)
    full = msgspec.structs.replace(full, history=[change] * 200)
    over = timeline(256, "123456 1851840 1234 5678901 9876543.21", width_ms="32000")
    written = page(full, [ReportSnapshot(full, over)] * 500)
    Parsed(written)
    assert MAX_PAGE / 2 < len(written.encode()) <= MAX_PAGE


def test_the_same_record_gives_the_same_bytes() -> None:
    assert page_of(report([FAILED])) == page_of(report([FAILED]))


def test_a_merged_page_lists_the_jobs() -> None:
    root, child = report(total=15, n_activated=10, n_failed=5), report(id="the-child", parent_job_id="root")
    shown = Parsed(page(root, [ReportSnapshot(root, timeline()), ReportSnapshot(child, timeline())])).text
    assert "2 jobs; this page has the latest outcome" in shown
    assert shown.count("the-child") >= 2


def test_everyone_can_read_it() -> None:
    over = timeline(20, "9 0 3 9000")
    one = report([FAILED], r_ms_in_flight=5, r_ms_backing_off=1)
    parsed = Parsed(page_of(one, over))
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert parsed.all("html")[0]["lang"] == "en"
    # Axes are drawn for the eye: what they say is said of the plot.
    pictures = [picture for picture in parsed.all("svg") if "aria-hidden" not in picture]
    assert len(pictures) == 5
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)
    assert parsed.count()["caption"] == parsed.count()["table"]
    assert all(head.get("scope") in {"row", "col"} for head in parsed.all("th"))
    names = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(names) == len(set(names))
    assert {section["aria-labelledby"] for section in parsed.all("section")} <= set(names)


def _luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_and_shapes_stand_out(scheme: int) -> None:
    style = files("worker.reports.html").joinpath("page.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[scheme]))
    back = colours["back"]
    assert _contrast(colours["fore"], back) >= 7
    assert _contrast(colours["quiet"], back) >= 4.5
    for name in ("activated", "already", "failed", "unknown", "not", "ambiguous", "sent"):
        assert _contrast(colours[name], back) >= 3, name


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (0, 0, "0 %"),
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (1, 10**7, "< 0.1 %"),
        (10**7 - 1, 10**7, "> 99.9 %"),
        (1, 8, "12.5 %"),
    ],
)
def test_a_share_says_none_or_all_only_where_it_is(part: int, whole: int, words: str) -> None:
    assert share(part, whole) == words


@given(st.floats(1e-6, 1e9))
def test_an_axis_ends_just_above_its_values(value: float) -> None:
    assert value <= axis_top(value) * (1 + 1e-9)
    assert axis_top(value) <= 2.5 * value


def test_the_verdict_names_every_outcome_that_is_no_success() -> None:
    counts = {f"n_{name}": 1 for name in (Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_ATTEMPTED)}
    fields = {"state": "cancelled", "reason_code": "user", "total": 4, "n_activated": 1, **counts}
    shown = Parsed(page_of(report(**fields))).text  # type: ignore[arg-type] # Every one is a field.
    assert "1 of 4 tokens are active; 1 refused, 1 not known to be active or not, 1 never sent." in shown
    assert "ended early (cancelled: user)" in shown
    assert "The token is active." in Parsed(page_of(report(total=1, n_activated=1))).text
    assert "nothing to do" in Parsed(page_of(report(total=0, n_activated=0))).text


@pytest.mark.parametrize(
    ("span", "every"),
    [(0.3, 0.1), (3, 1), (20, 5), (114, 30), (700, 300), (14_000, 3600), (140_000, 43_200), (2e6, 518_400)],
)
def test_the_moments_under_a_plot_are_round_and_few(span: float, every: float) -> None:
    assert tick_interval(span) == pytest.approx(every)


def test_a_template_needs_no_filter_to_be_safe() -> None:
    shown = environment().from_string("{{ value }}|{{ nothing }}").render(value=HOSTILE * 9, nothing=None)
    assert shown == f"{text(HOSTILE * 9)}|"
    assert not set("<>\"'\x00\x1b\u202e") & set(shown)
    with pytest.raises(UndefinedError, match="misspelt"):
        environment().from_string("{{ misspelt }}").render()


def test_only_what_we_wrote_is_put_into_a_template_as_markup() -> None:
    templates = sorted(files("worker.reports.html").joinpath("templates").iterdir(), key=str)
    sources = [path for each in templates for path in (each.iterdir() if each.is_dir() else [each])]
    marked = re.findall(r"[\w.\"<>]+\|safe", "".join(source.read_text() for source in sources))
    assert sorted(marked) == ['"_<wbr>"|safe', "curve.allowed|safe", "curve.path|safe", "curve.strip|safe"]


def test_another_package_extends_the_base_with_the_same_filters() -> None:
    ours = environment()
    theirs = DictLoader(
        {
            "own.html": '{% extends "base.html" %}{% block title %}{{ 1000|number }}{% endblock %}'
            "{% block style %}{% endblock %}{% block content %}{{ a }}{% endblock %}"
        }
    )
    assert ours.loader is not None
    shared = ours.overlay(loader=ChoiceLoader([theirs, ours.loader]))
    shown = Parsed(shared.get_template("own.html").render(a="<b>")).text
    assert shown == "1,000 <b>"
