"""What can go wrong with a request, as a table. A new fault is a new row."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Final

from worker.simulator.lists import Distortion, honest, no_empty_list, one_in_both, one_missing


class Way(Enum):
    """How a request ends."""

    ANSWER = "answer"
    CLOSE = "close"
    """The connection is closed without an answer."""
    HANG = "hang"
    """No answer, until the client leaves."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`done`: the ids are activated all the same, and only the answer is bad."""

    name: str
    help: str
    done: bool
    status: int = HTTPStatus.OK
    way: Way = Way.ANSWER
    distort: Distortion = honest


SOUND: Final = Fault("none", "Nothing goes wrong.", done=True)

FAULTS: Final = (
    Fault("unauthorized", "401 although the token is good; nothing is done.", done=False, status=401),
    Fault("error", "500 before anything is done.", done=False, status=500),
    Fault("hang", "No answer until the client leaves; nothing is done.", done=False, way=Way.HANG),
    Fault("late_error", "Done, then 503.", done=True, status=503),
    Fault("lose", "Done, then the connection is closed without an answer.", done=True, way=Way.CLOSE),
    Fault("missing", "Done, but one activated id is in neither list.", done=True, distort=one_missing),
    Fault("both", "Done, but one id is in both lists.", done=True, distort=one_in_both),
    Fault("nulls", "Done; an empty list is left out or null.", done=True, distort=no_empty_list),
)

NAMES: Final = frozenset(fault.name for fault in FAULTS)


class Faults:
    """How often each fault strikes: fractions of all requests, by name, which sum to 1 at most."""

    __slots__ = ("_bounds",)

    def __init__(self, fractions: Mapping[str, float]) -> None:
        self._bounds: list[tuple[float, Fault]] = []
        bound = 0.0
        for fault in FAULTS:
            if fraction := fractions.get(fault.name):
                bound += fraction
                self._bounds.append((bound, fault))

    def roll(self, chance: float) -> Fault:
        """At most one fault strikes a request; `SOUND` where none does. `chance` is in [0, 1)."""
        for bound, fault in self._bounds:
            if chance < bound:
                return fault
        return SOUND
