"""The options of `limited_api`, and the limiter that they describe."""

import argparse
from collections.abc import Callable, Sequence

from tests.limits.limiters import FixedWindow, Limiter, NoLimit, Penalty, SlidingLog, TokenBucket
from tests.limits.schedule import Schedule, Scheduled


def make_limiter(given: argparse.Namespace, start: float) -> Limiter:
    """The limiter for the options; windows are counted from `start`."""
    makers: dict[str, Callable[[float], Limiter]] = {
        "none": lambda _rate: NoLimit(),
        "bucket": lambda rate: TokenBucket(rate, given.burst),
        "sliding": lambda rate: SlidingLog(rate, given.per),
        "fixed": lambda rate: FixedWindow(rate, given.per, start),
        "penalty": lambda rate: Penalty(rate, given.burst, given.penalty, extends=given.extends),
    }
    schedule: Schedule | None = given.schedule
    limiter = makers[given.limiter](given.rate if schedule is None else schedule.rate_at(0))
    return limiter if schedule is None else Scheduled(limiter, schedule)


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="An API stand-in with a rate limit.")
    parser.add_argument(
        "--limiter", choices=("none", "bucket", "sliding", "fixed", "penalty"), default="none"
    )
    parser.add_argument("--rate", type=float, default=50.0, help="requests per second")
    parser.add_argument("--burst", type=float, default=10.0, help="of bucket and penalty")
    parser.add_argument("--per", type=float, default=1.0, help="seconds of a window, of sliding and fixed")
    parser.add_argument("--penalty", type=float, default=2.0, help="seconds")
    parser.add_argument("--extends", action="store_true", help="a call during a penalty starts it anew")
    parser.add_argument("--schedule", type=Schedule.parse, help="RATE:SECONDS,... from the first request on")
    parser.add_argument("--retry-after", default="none", help="none, true, ceil, or the text itself")
    parser.add_argument("--headers", choices=("none", "ietf", "fields", "x"), default="none")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before an activate answer")
    parser.add_argument("--port", type=int, default=0)
    return parser.parse_args(arguments)
