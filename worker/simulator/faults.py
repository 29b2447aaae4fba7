"""What can go wrong with a request, as a table. A new fault is a new row."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Final

from worker.simulator.bodies import Spoiling, html, huge, intact, other_shape
from worker.simulator.lists import (
    Distortion,
    honest,
    intruders,
    no_empty_list,
    one_in_both,
    one_missing,
    one_twice,
)


class Way(Enum):
    """How an answer goes over the wire."""

    ANSWER = "answer"
    CLOSE = "close"
    """The connection is closed without an answer."""
    RESET = "reset"
    """The connection is torn down without an answer."""
    HANG = "hang"
    """No answer, until the client leaves."""
    CUT = "cut"
    """Half of the body, then the connection is closed."""
    DRIP = "drip"
    """A byte at a time."""
    CHUNKED = "chunked"
    """In chunks of a few bytes."""
    GZIP = "gzip"
    """Compressed, whether the client asked for it or not."""


WHOLE: Final = frozenset({Way.ANSWER, Way.DRIP, Way.CHUNKED, Way.GZIP})
"""Those at whose end the client has the whole answer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`done`: the ids are activated all the same, and only the answer is bad."""

    name: str
    help: str
    done: bool
    status: int = HTTPStatus.OK
    way: Way = Way.ANSWER
    distort: Distortion = honest
    spoil: Spoiling = intact
    echo: bool = False
    """The message of the error holds the credential of the request."""


SOUND: Final = Fault("none", "Nothing goes wrong.", done=True)

FAULTS: Final = (
    Fault("unauthorized", "401 although the token is good; nothing is done.", done=False, status=401),
    Fault("bad_request", "400 before anything is done.", done=False, status=400),
    Fault("conflict", "409 before anything is done.", done=False, status=409),
    Fault("oversize", "413 before anything is done.", done=False, status=413),
    Fault("error", "500 before anything is done.", done=False, status=500),
    Fault("echo", "500 that quotes the credential; nothing is done.", done=False, status=500, echo=True),
    Fault("hang", "No answer until the client leaves; nothing is done.", done=False, way=Way.HANG),
    Fault("late_error", "Done, then 503.", done=True, status=503),
    Fault("lose", "Done, then the connection is closed without an answer.", done=True, way=Way.CLOSE),
    Fault("reset", "Done, then the connection is reset without an answer.", done=True, way=Way.RESET),
    Fault("cut", "Done, but half of the answer is cut off.", done=True, way=Way.CUT),
    Fault("drip", "Done; the answer comes a byte at a time.", done=True, way=Way.DRIP),
    Fault("chunked", "Done; the answer comes in chunks.", done=True, way=Way.CHUNKED),
    Fault("gzip", "Done; the answer is compressed.", done=True, way=Way.GZIP),
    Fault("html", "Done, but the answer is HTML.", done=True, spoil=html),
    Fault("shape", "Done, but the answer is JSON of another shape.", done=True, spoil=other_shape),
    Fault("huge", "Done, but the answer is of megabytes.", done=True, spoil=huge),
    Fault("missing", "Done, but one activated id is in neither list.", done=True, distort=one_missing),
    Fault("both", "Done, but one id is in both lists.", done=True, distort=one_in_both),
    Fault("twice", "Done; one id stands twice in its list.", done=True, distort=one_twice),
    Fault("intruder", "Done; ids that were never sent are in the lists.", done=True, distort=intruders),
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
