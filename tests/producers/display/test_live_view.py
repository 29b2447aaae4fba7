"""What a person sees of a job while it runs: whole, within the width, and harmless."""

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from producers.display.live_view import LiveView, as_line, as_lines
from producers.display.speed import WINDOW, CurrentSpeed, SpeedMeter
from tests.core.stored import T0, job, made
from worker.core.job import State
from worker.core.reporting.schema import FailureGroup, Rate, Report
from worker.core.timestamp import timestamp

HELD = Rate(75.0, 20.0, timestamp(T0 + 12_400))


def running(failures: int = 3, **more: Any) -> Report:
    counts = {"total": 20_000, "n_activated": 11_400, "n_failed": 600, "n_pending": 8000, "active_ms": 48_000}
    report = made(job(**(counts | more)))
    groups = [
        FailureGroup(f"REASON_{place}", "because " * 30, 9 - place, 200, [], retryable=False)
        for place in range(failures)
    ]
    return msgspec.structs.replace(report, failures=groups, rate=HELD)


def drawn(view: LiveView, width: int = 80) -> list[str]:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=True, color_system=None, highlight=False
    )
    console.print(as_lines(view))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


VIEW = LiveView(running(), T0, 2, CurrentSpeed(18.25, 274.0))


@pytest.mark.parametrize("width", [80, 200])
def test_everything_stands_within_the_width(width: int) -> None:
    shown = drawn(VIEW, width)
    text = "\n".join(shown)
    for words in (
        "60.0 %  12,000 of 20,000 ids",
        "11,400 activated  600 failed",
        "running 2 workers ",
        "18.2 of 20 requests/s  274 ids/s  32s left  held by a 429 for 12s",
        "REASON_0",
    ):
        assert words in text
    assert len(shown) == 7
    assert max(map(len, shown)) <= width


def test_a_hold_that_comes_and_goes_moves_no_line() -> None:
    """At the speed of a large job, on a narrow terminal."""
    report = running(total=2_000_000, n_pending=1_988_000, active_ms=9700)
    fast = LiveView(report, T0, 12, CurrentSpeed(1073.6, 16_033.0))
    held, free = drawn(fast), drawn(LiveView(report, T0 + 12_400, 12, fast.speed))
    assert any("held by a 429" in row for row in held)
    assert len(held) == len(free)


def test_the_last_line_is_empty_so_that_the_terminals_own_words_harm_nothing() -> None:
    assert drawn(VIEW)[-1] == ""


def test_no_worker_is_said() -> None:
    assert "no worker is alive" in "\n".join(drawn(LiveView(running(), T0, 0)))
    assert "no worker is alive" in as_line(LiveView(running(), T0, 0))


def test_a_run_misses_no_worker_and_tells_no_old_trouble_before_its_own_was_seen() -> None:
    report = running(reason_code="api_unavailable", reason_message="the proxy is away")
    for text in (
        "\n".join(drawn(LiveView(report, T0, 0, worker_starting=True))),
        as_line(LiveView(report, T0, 0, worker_starting=True)),
    ):
        assert "its worker starts" in text
        assert "no worker" not in text
        assert "the proxy is away" not in text
    for text in ("\n".join(drawn(LiveView(report, T0, 0))), as_line(LiveView(report, T0, 0))):
        assert "no worker is alive" in text
        assert "the proxy is away" in text


def test_a_hold_that_is_over_is_not_shown() -> None:
    assert "held" not in as_line(LiveView(running(), T0 + 12_400, 1))


def test_many_reasons_are_bounded() -> None:
    text = "\n".join(drawn(LiveView(running(9), T0, 1)))
    assert "and 4 more reasons" in text
    assert text.count("REASON_") == 5


def test_a_plain_line_says_the_same() -> None:
    assert as_line(VIEW) == (
        "running, 12,000/20,000 ids, 11,400 activated, 600 failed, 18.2 of 20 requests/s, 274 ids/s,"
        " 32s left, held by a 429 for 12s, 2 workers"
    )


def test_a_job_at_rest_shows_no_pace_and_why_it_ended() -> None:
    ended = made(job(State.CANCELLED, total=1, n_not_attempted=1, reason_code="user", reason_message="lunch"))
    assert as_line(LiveView(ended, T0, 1)) == "cancelled, 1/1 ids, 0 activated, 1 not attempted, user: lunch"
    empty = made(job(State.COMPLETED, total=0))
    assert "100.0 %  0 of 0 ids" in "\n".join(drawn(LiveView(empty, T0, 1)))


def test_who_resumed_a_job_is_no_reason_for_anything() -> None:
    assert "user" not in as_line(LiveView(running(0, reason_code="user"), T0, 1))


def test_words_of_others_cannot_move_the_cursor() -> None:
    report = running(0, reason_code="deadline", reason_message="\x1b[2J\x07 [bold]x[/bold]")
    assert "\x1b[2J" not in as_line(LiveView(report, T0, 1))
    assert "[bold]x[/bold]" in "\n".join(drawn(LiveView(report, T0, 1)))


def sent(requests: int, settled: int) -> Report:
    return made(job(total=10_000, n_activated=settled, n_pending=10_000 - settled, r_sent=requests))


def test_the_speed_is_that_of_the_last_seconds() -> None:
    speed = SpeedMeter()
    assert speed.add(0.0, sent(0, 0)) is None
    assert speed.add(0.25, sent(9, 9)) is None
    assert speed.add(1.0, sent(10, 150)) == (10, 150)
    for at in range(2, 60):
        speed.add(float(at), sent(10 * at, 150 * at))
    assert speed.add(60.0, sent(590, 8850)) == pytest.approx((8, 120))
    assert len(speed._samples) <= WINDOW + 2
