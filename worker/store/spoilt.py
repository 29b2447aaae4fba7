"""Replies of Redis that are read even where some values in it were not written by us."""

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from redis.client import Pipeline

T = TypeVar("T")


def answers(pipe: "Pipeline") -> list[Any]:
    """The reply to each command; an error in its place where a key is of the wrong type."""
    found = pipe.execute(raise_on_error=False)
    for one in found:
        if isinstance(one, Exception) and not str(one).startswith("WRONGTYPE"):
            raise one
    return found


def value_or(instead: T, found: T | Exception, where: str, spoilt: Counter[str]) -> T:
    """`found`, or `instead` of an error, which is counted in `spoilt`."""
    if isinstance(found, Exception):
        spoilt[where] += 1
        return instead
    return found


def finite(number: float) -> float:
    """Raises `ValueError` for an infinity and for what is no number."""
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number
