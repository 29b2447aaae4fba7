"""The limits that the learner is judged by, in groups. `score` prints what it reaches.

Most limits are another for each seed (`about`), so that no step of a climb meets one by luck.
"""

import math
from typing import Any, Final

from tests.core.rate.case import BySeed, Case, MakeLimiter, Rates, about, always, around
from tests.core.rate.more_limits import ByChance, InFlight, Shared
from tests.core.rate.simulation import RetryAfter, silent, whole_seconds
from tests.limits.limiters import FixedWindow, Penalty, SlidingLog, TokenBucket
from worker.core.rate.rate_config import RateConfig

STARTS: Final = (1.0, 10.0, 100.0)
LOW_LIMITS: Final = (0.5, 0.7, 1.0, 2.0, 3.0, 5.0)
"""Requests per second."""

_SAYS: Final = ((silent, "silent"), (whole_seconds, "whole seconds"))


def bucket(rate: BySeed, burst: float) -> MakeLimiter:
    return lambda seed: TokenBucket(rate(seed), burst)


def _fixed_window(per: float) -> MakeLimiter:
    return lambda seed: FixedWindow(about(seed), per)


def _sliding_log(per: float) -> MakeLimiter:
    return lambda seed: SlidingLog(about(seed), per)


def _penalty(seconds: float, *, extends: bool = False) -> MakeLimiter:
    return lambda seed: Penalty(about(seed), 10, seconds, extends=extends)


def _in_flight(most: int) -> MakeLimiter:
    return lambda _seed: InFlight(most)


def _by_chance(rate: BySeed, burst: float, share: float) -> MakeLimiter:
    return lambda seed: ByChance(TokenBucket(rate(seed), burst), share, seed)


def _shared(limiter: MakeLimiter, rate: BySeed, least: float, most: float, period: float) -> MakeLimiter:
    return lambda seed: Shared(limiter(seed), rate(seed), least, most, seed, period)


def _exact(wait: float) -> float | None:
    return wait


def _saying(seconds: float) -> RetryAfter:
    return lambda _wait: seconds


def buckets() -> list[Case]:
    def case(burst: int, name: str, **options: Any) -> Case:
        return Case(
            "token bucket, burst 1 to 200", f"burst {burst}, {name}", bucket(about, burst), options=options
        )

    return [
        *(case(burst, "silent") for burst in (1, 5, 10, 50, 200)),
        *(case(burst, "whole seconds", retry_after=whole_seconds) for burst in (1, 10, 50, 200)),
        case(10, "exact", retry_after=_exact),
        case(10, "always 0", retry_after=_saying(0.0)),
        case(10, "always 5 s", retry_after=_saying(5.0)),
        *(case(10, f"{latency:g} s away", latency=latency) for latency in (0.5, 2.0)),
    ]


def windows() -> list[Case]:
    return [
        Case(group, f"{per} s, {name}", kind(per), seconds=900, options={"retry_after": says})
        for group, kind in (("fixed windows", _fixed_window), ("sliding log", _sliding_log))
        for per in (1, 10, 60)
        for says, name in _SAYS
    ]


def late() -> list[Case]:
    def case(rate: int, burst: int, jitter: float, seconds: float = 600) -> Case:
        name = f"{rate}/s, burst {burst}, by {1000 * jitter:g} ms"
        limiter, options = bucket(around(rate), burst), {"jitter": jitter}
        return Case("no burst, late by chance", name, limiter, around(rate), seconds=seconds, options=options)

    cases = [case(50, 1, jitter) for jitter in (0.0, 0.0005, 0.002, 0.005)]
    return [*cases, case(200, 1, 0.001, 300), case(50, 5, 0.005)]


def in_flight() -> list[Case]:
    return [
        Case(
            "requests in flight",
            f"{most} of {1000 * latency:g} ms",
            _in_flight(most),
            always(most / latency),
            options={"latency": latency},
        )
        for most, latency in ((5, 0.05), (20, 0.2), (20, 0.5), (2, 0.5), (100, 0.5))
    ]


def penalties() -> list[Case]:
    def case(seconds: float, *, extends: bool, told: bool) -> Case:
        name = f"{seconds:g} s{', anew at each call' if extends else ''}{', told' if told else ''}"
        limiter, says = _penalty(seconds, extends=extends), whole_seconds if told else silent
        options = {"retry_after": says}
        return Case("penalties of 1 to 30 s", name, limiter, seconds=1200, options=options)

    return [
        *(
            case(seconds, extends=extends, told=False)
            for seconds in (1, 2, 5, 30)
            for extends in (False, True)
        ),
        *(case(seconds, extends=False, told=True) for seconds in (1, 5, 30)),
        case(5, extends=True, told=True),
    ]


def shared() -> list[Case]:
    def case(
        name: str,
        limiter: MakeLimiter,
        rate: BySeed = about,
        *,
        least: float = 0.0,
        most: float = 0.6,
        period: float = 5.0,
        seconds: float = 600,
        says: RetryAfter = silent,
    ) -> Case:
        return Case(
            "shared with others, 0 to 60 %",
            name,
            _shared(limiter, rate, least, most, period),
            rate,
            seconds=seconds,
            options={"retry_after": says},
        )

    usual, fast = bucket(about, 10), around(200)
    return [
        case("30 %", usual, least=0.3, most=0.3),
        case("0 to 60 %", usual),
        case("0 to 60 %, slowly", usual, period=30.0),
        case("0 to 60 %, whole seconds", usual, says=whole_seconds),
        case("0 to 60 %, 60 s, whole seconds", _fixed_window(60), seconds=900, says=whole_seconds),
        case("0 to 60 % of 200/s", bucket(fast, 50), fast, seconds=300),
    ]


def starts() -> list[Case]:
    group = "0.5 to 1,000/s, from 1, 10, 100"
    limits = ((0.5, 1800), (2, 600), (10, 300), (50, 120), (200, 60), (1000, 30))
    from_far = [
        Case(
            group,
            f"{limit:g}/s from {start:g}",
            bucket(around(limit), max(1, limit / 5)),
            around(limit),
            config=RateConfig(None, start, 5000.0),
            seconds=seconds,
        )
        for limit, seconds in limits
        for start in STARTS
    ]
    first_batches = [
        Case(
            group,
            f"50/s, burst {burst}, {name}, 1,500 batches",
            bucket(about, burst),
            batches=1500,
            options={"retry_after": says},
        )
        for burst in (1, 10, 50)
        for says, name in _SAYS
    ]
    return from_far + first_batches


def changes() -> list[Case]:
    group = "limits that change"

    def case(name: str, rate: float, rates: Rates, seconds: float, burst: int = 20, **options: Any) -> Case:
        known = always(rate)
        return Case(group, name, bucket(known, burst), known, rates=rates, seconds=seconds, options=options)

    steps = [(20.0, 20.0), (35.0, 200.0)]
    swing = [(float(at), 110 + 90 * math.sin(math.tau * at / 600)) for at in range(600)]
    return [
        *(
            case(f"200, 20, 200/s, {name}", 200, steps, 71, latency=0.02, retry_after=says)
            for says, name in _SAYS
        ),
        *(
            case(f"20 to 200/s and back in 10 minutes, {name}", 110, swing, 600, retry_after=says)
            for says, name in _SAYS
        ),
        case("20/s, 200/s after 5 minutes", 20, [(300.0, 200.0)], 400, 10),
        case("200/s, 20/s after 5 minutes", 200, [(300.0, 20.0)], 600),
        case("50/s and 40/s, a minute each", 50, _in_turn(40, 50, 60), 600, 10),
        case("50/s and 25/s, half a minute each", 50, _in_turn(25, 50, 30), 600, 10),
    ]


def _in_turn(one: float, other: float, every: int) -> Rates:
    return [(float(at), one if at // every % 2 else other) for at in range(every, 600, every)]


def by_chance() -> list[Case]:
    def case(share: float, base: float, burst: float, says: RetryAfter, seconds: float) -> Case:
        rate = around(base)
        name = f"{share:.1%} at {base:g}/s, {says.__name__}"
        limiter = _by_chance(rate, burst, share)
        return Case("429s by chance", name, limiter, rate, seconds=seconds, options={"retry_after": says})

    return [
        *(case(share, 50, 10, silent, 600) for share in (0.001, 0.01, 0.03)),
        *(case(share, 50, 10, whole_seconds, 600) for share in (0.001, 0.01)),
        *(case(share, 500, 50, silent, 120) for share in (0.001, 0.01)),
    ]


def several_workers() -> list[Case]:
    def case(
        workers: int,
        name: str,
        limiter: MakeLimiter,
        rate: BySeed = about,
        seconds: float = 600,
        **options: Any,
    ) -> Case:
        options |= {"workers": workers}
        return Case(
            "4, 20, 50 workers", f"{workers}, {name}", limiter, rate, seconds=seconds, options=options
        )

    return [
        *(case(workers, "50/s", bucket(about, 10)) for workers in (4, 20, 50)),
        case(20, "200/s", bucket(around(200), 20), around(200), 200, latency=0.2),
        case(50, "2/s", bucket(around(2), 1), around(2)),
        case(20, "5 s of penalty", _penalty(5), seconds=1200),
        case(20, "windows of 10 s", _fixed_window(10), seconds=900, retry_after=whole_seconds),
    ]


def by_hand() -> list[Case]:
    def case(name: str, rate: float, limiter: MakeLimiter, limit: BySeed, seconds: float = 120) -> Case:
        config = RateConfig(rate, 10.0, 1000.0)
        return Case("a rate set by hand", f"{rate:g}, {name}", limiter, limit, config=config, seconds=seconds)

    return [
        case("under 51", 50, bucket(always(51), 10), always(50)),
        *(
            case(f"over {base}, burst {burst}", rate, bucket(around(base), burst), around(base))
            for rate, base in ((200, 60), (1000, 20))
            for burst in (10, 1)
        ),
        *(
            case(
                f"{share:.1%} 429s by chance",
                rate,
                _by_chance(always(1.02 * rate), 10, share),
                always(rate),
                seconds,
            )
            for rate, share, seconds in ((50, 0.001, 600), (500, 0.001, 120), (50, 0.01, 600))
        ),
    ]


CASES: Final = (
    *buckets(),
    *windows(),
    *late(),
    *in_flight(),
    *penalties(),
    *shared(),
    *starts(),
    *changes(),
    *by_chance(),
    *several_workers(),
    *by_hand(),
)
GROUPS: Final = tuple(dict.fromkeys(case.group for case in CASES))
