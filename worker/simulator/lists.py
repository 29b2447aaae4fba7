"""The two lists of a 200, and the ways in which they can be wrong.

A way is a function of the honest lists and a number in [0, 1) that says which id it strikes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec


class Failure(msgspec.Struct, frozen=True, gc=False):
    id: str
    message: str


class Lists(msgspec.Struct, frozen=True):
    """What a 200 carries. Either may be null or missing, and an entry may be odd."""

    successes: list[Any] | msgspec.UnsetType | None
    failures: list[Any] | msgspec.UnsetType | None


@dataclass(frozen=True, slots=True)
class Result:
    """What was done with the ids of a request: which were activated, which refused."""

    successes: list[str]
    failures: list[Failure]


Distortion: TypeAlias = Callable[[Result, float], Lists]


def honest(result: Result, _chance: float) -> Lists:
    return Lists(result.successes, result.failures)


def one_missing(result: Result, chance: float) -> Lists:
    """One id that was activated is in neither list; where none was, the lists are honest."""
    position = int(chance * len(result.successes))
    return Lists(result.successes[:position] + result.successes[position + 1 :], result.failures)


def one_in_both(result: Result, chance: float) -> Lists:
    """One id that was activated stands among the failures too; where none was, one of these among both."""
    successes, failures = result.successes, result.failures
    if successes:
        struck = successes[int(chance * len(successes))]
        return Lists(successes, [*failures, Failure(struck, "Token could not be activated")])
    return Lists([failures[int(chance * len(failures))].id], failures)


def one_twice(result: Result, chance: float) -> Lists:
    """One id stands twice in the list that it is in."""
    successes, failures = result.successes, result.failures
    if successes:
        return Lists([*successes, successes[int(chance * len(successes))]], failures)
    return Lists(successes, [*failures, failures[int(chance * len(failures))]])


def intruders(result: Result, chance: float) -> Lists:
    """Ids that were never sent, one in each list."""
    successes = [*result.successes, f"never-sent-{chance:.6f}"]
    return Lists(successes, [*result.failures, Failure("never-sent", "Token not found")])


def no_empty_list(result: Result, chance: float) -> Lists:
    """An empty list is left out, or null in its place."""
    nothing = None if chance < 0.5 else msgspec.UNSET  # noqa: PLR2004 -- heads or tails.
    return Lists(result.successes or nothing, result.failures or nothing)


_ODD_MESSAGES: Final = (404, {"code": 7, "text": "gone"}, ["gone"], None, True, 1e300)


def odd_messages(result: Result, chance: float) -> Lists:
    """Messages that are no text, one kind in each answer; but that a token is active is said in words."""
    odd = _ODD_MESSAGES[int(chance * len(_ODD_MESSAGES))]
    return Lists(
        result.successes,
        [
            failure if "already active" in failure.message else {"id": failure.id, "message": odd}
            for failure in result.failures
        ],
    )


def objects(result: Result, _chance: float) -> Lists:
    """Ids of successes as objects."""
    return Lists([{"id": token_id} for token_id in result.successes], result.failures)


def null_entries(result: Result, _chance: float) -> Lists:
    """A null, and what names no id, among the ids."""
    return Lists([None, *result.successes], [*result.failures, {"message": "of nobody"}, None])


def other_letters(result: Result, chance: float) -> Lists:
    """Ids in upper case, or with white space around."""
    changed = str.upper if chance < 0.5 else " {}\n".format  # noqa: PLR2004 -- heads or tails.
    return Lists(
        [changed(token_id) for token_id in result.successes],
        [Failure(changed(failure.id), failure.message) for failure in result.failures],
    )
