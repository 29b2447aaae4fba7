"""The two lists of a 200, and ways to distort them.

A distortion is a function of the honest result and of a uniform number in [0, 1) that chooses the id.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec


class Failure(msgspec.Struct, frozen=True, gc=False):
    """An entry of `failures`."""

    id: str
    message: str


class Lists(msgspec.Struct, frozen=True):
    """The lists of a 200. Either may be null or missing, and entries may be of any type."""

    successes: list[Any] | msgspec.UnsetType | None
    failures: list[Any] | msgspec.UnsetType | None


@dataclass(frozen=True, slots=True)
class Result:
    """The ids of a request that were activated and refused."""

    successes: list[str]
    failures: list[Failure]


Distortion: TypeAlias = Callable[[Result, float], Lists]


def honest(result: Result, _chance: float) -> Lists:
    """The true lists."""
    return Lists(result.successes, result.failures)


def one_missing(result: Result, chance: float) -> Lists:
    """One activated id is missing from both lists; without activated ids the lists are honest."""
    position = int(chance * len(result.successes))
    return Lists(result.successes[:position] + result.successes[position + 1 :], result.failures)


def one_in_both(result: Result, chance: float) -> Lists:
    """One activated id, or else one failed id, is in both lists."""
    successes, failures = result.successes, result.failures
    if successes:
        struck = successes[int(chance * len(successes))]
        return Lists(successes, [*failures, Failure(struck, "Token could not be activated")])
    return Lists([failures[int(chance * len(failures))].id], failures)


def one_twice(result: Result, chance: float) -> Lists:
    """One id is twice in its list."""
    successes, failures = result.successes, result.failures
    if successes:
        return Lists([*successes, successes[int(chance * len(successes))]], failures)
    return Lists(successes, [*failures, failures[int(chance * len(failures))]])


def intruders(result: Result, chance: float) -> Lists:
    """An id that was never sent is in each list."""
    successes = [*result.successes, f"never-sent-{chance:.6f}"]
    return Lists(successes, [*result.failures, Failure("never-sent", "Token not found")])


def no_empty_list(result: Result, chance: float) -> Lists:
    """Empty lists are missing or null."""
    nothing = None if chance < 0.5 else msgspec.UNSET  # noqa: PLR2004 -- heads or tails.
    return Lists(result.successes or nothing, result.failures or nothing)


_ODD_MESSAGES: Final = (404, {"code": 7, "text": "gone"}, ["gone"], None, True, 1e300)


def odd_messages(result: Result, chance: float) -> Lists:
    """Messages are no text, of one type per answer; only 'already active' stays text."""
    odd = _ODD_MESSAGES[int(chance * len(_ODD_MESSAGES))]
    return Lists(
        result.successes,
        [
            failure if "already active" in failure.message else {"id": failure.id, "message": odd}
            for failure in result.failures
        ],
    )


def objects(result: Result, _chance: float) -> Lists:
    """Successes are objects with an id."""
    return Lists([{"id": token_id} for token_id in result.successes], result.failures)


def null_entries(result: Result, _chance: float) -> Lists:
    """Nulls and an object without an id are among the entries."""
    return Lists([None, *result.successes], [*result.failures, {"message": "of nobody"}, None])


def other_letters(result: Result, chance: float) -> Lists:
    """Ids are in upper case, or have white space around them."""
    changed = str.upper if chance < 0.5 else " {}\n".format  # noqa: PLR2004 -- heads or tails.
    return Lists(
        [changed(token_id) for token_id in result.successes],
        [Failure(changed(failure.id), failure.message) for failure in result.failures],
    )
