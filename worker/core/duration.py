"""Parses and formats durations: `30s`, `15m`, `6h`, `30d`, or a number of seconds."""

import re
from typing import Final

from worker.core.errors import BadInputError

_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST: Final = 36500 * 86400.0
"""Maximum duration in seconds, a hundred years: `datetime` cannot represent much later moments."""
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")


def parse_duration(text: str) -> float:
    """The seconds in `text`, more than 0 and at most `LONGEST`. Raises `BadInputError` for anything else."""
    found = _PART.fullmatch(text.strip().lower())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= LONGEST:
        raise BadInputError(
            f"{text!r} is no duration: write a number and s, m, h or d, as in 90s or 6h, at most 36500d"
        )
    return seconds


def show_duration(seconds: float) -> str:
    """Formats `seconds` in at most two units, as in `1h 04m`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d {hour:02d}h"
    if hours:
        return f"{hours}h {minute:02d}m"
    return f"{minutes}m {second:02d}s" if minutes else f"{second}s"
