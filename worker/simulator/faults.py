"""Faults that can strike a request, as a table. A new fault is a new row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Final

from worker.simulator.bodies import (
    Spoiling,
    cut_messages,
    html,
    huge,
    intact,
    other_shape,
    windows_1252,
    windows_1252_messages,
    with_bom,
)
from worker.simulator.lists import (
    Distortion,
    honest,
    intruders,
    no_empty_list,
    null_entries,
    objects,
    odd_messages,
    one_in_both,
    one_missing,
    one_twice,
    other_letters,
)
from worker.simulator.pages import (
    BLOCKED,
    BUSY,
    DENIED,
    EMPTY,
    ERROR_DOCUMENT,
    LOGIN,
    LOGIN_ELSEWHERE,
    MAINTENANCE,
    MOVED,
    PROXY,
    Page,
)


class Wire(Enum):
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


WHOLE: Final = frozenset({Wire.ANSWER, Wire.DRIP, Wire.CHUNKED, Wire.GZIP})
"""Ways after which the client has the whole answer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`done`: whether the ids are activated nevertheless, so that only the answer is bad."""

    name: str
    help: str
    done: bool
    status: int = HTTPStatus.OK
    wire: Wire = Wire.ANSWER
    distort: Distortion = honest
    spoil: Spoiling = intact
    echo: bool = False
    """Whether the error message contains the credential of the request."""
    page: Page | None = None
    """Answer in place of the API's own document."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of an answer with the API's lists."""


NO_FAULT: Final = Fault("none", "Nothing goes wrong.", done=True)

FAULTS: Final = (
    Fault("unauthorized", "401 although the token is good; nothing is done.", done=False, status=401),
    Fault("bad_request", "400 before anything is done.", done=False, status=400),
    Fault("conflict", "409 before anything is done.", done=False, status=409),
    Fault("oversize", "413 before anything is done.", done=False, status=413),
    Fault("error", "500 before anything is done.", done=False, status=500),
    Fault("echo", "500 that quotes the credential; nothing is done.", done=False, status=500, echo=True),
    Fault("hang", "No answer until the client leaves; nothing is done.", done=False, wire=Wire.HANG),
    Fault("late_error", "Done, then 503.", done=True, status=503),
    Fault("lose", "Done, then the connection is closed without an answer.", done=True, wire=Wire.CLOSE),
    Fault("reset", "Done, then the connection is reset without an answer.", done=True, wire=Wire.RESET),
    Fault("cut", "Done, but half of the answer is cut off.", done=True, wire=Wire.CUT),
    Fault("drip", "Done; the answer comes a byte at a time.", done=True, wire=Wire.DRIP),
    Fault("chunked", "Done; the answer comes in chunks.", done=True, wire=Wire.CHUNKED),
    Fault("gzip", "Done; the answer is compressed.", done=True, wire=Wire.GZIP),
    Fault("html", "Done, but the answer is HTML.", done=True, spoil=html),
    Fault("shape", "Done, but the answer is JSON of another shape.", done=True, spoil=other_shape),
    Fault("huge", "Done, but the answer is of megabytes.", done=True, spoil=huge),
    Fault("missing", "Done, but one activated id is in neither list.", done=True, distort=one_missing),
    Fault("both", "Done, but one id is in both lists.", done=True, distort=one_in_both),
    Fault("twice", "Done; one id stands twice in its list.", done=True, distort=one_twice),
    Fault("intruder", "Done; ids that were never sent are in the lists.", done=True, distort=intruders),
    Fault("redirect", "302 to a path; nothing is done.", done=False, status=302, page=LOGIN),
    Fault("login", "302 to a login page elsewhere.", done=False, status=302, page=LOGIN_ELSEWHERE),
    Fault("moved_301", "301 to another host; nothing is done.", done=False, status=301, page=MOVED),
    Fault("moved_307", "307 to another host; nothing is done.", done=False, status=307, page=MOVED),
    Fault("moved", "308 to another host; nothing is done.", done=False, status=308, page=MOVED),
    Fault("empty_400", "400 with nothing; nothing is done.", done=False, status=400, page=EMPTY),
    Fault("html_403", "403 as HTML; nothing is done.", done=False, status=403, page=BLOCKED),
    Fault("html_404", "404 as HTML; nothing is done.", done=False, status=404, page=BLOCKED),
    Fault("text_405", "405 as text; nothing is done.", done=False, status=405, page=DENIED),
    Fault("not_acceptable", "406 as HTML; nothing is done.", done=False, status=406, page=BLOCKED),
    Fault("proxy", "407 of a proxy; nothing is done.", done=False, status=407, page=PROXY),
    Fault("captive", "511 of a portal; nothing is done.", done=False, status=511, page=BLOCKED),
    Fault("html_200", "200 as HTML; nothing is done.", done=False, page=MAINTENANCE),
    Fault("error_200", "200 that says 503; nothing is done.", done=False, page=ERROR_DOCUMENT),
    Fault("busy", "503 with Retry-After; nothing is done.", done=False, status=503, page=BUSY),
    Fault("odd_message", "Done; messages are no text.", done=True, distort=odd_messages),
    Fault("cut_message", "Done; messages end in half an emoji.", done=True, spoil=cut_messages),
    Fault("odd_bytes", "Done; messages are in windows-1252.", done=True, spoil=windows_1252_messages),
    Fault("objects", "Done; successes are objects.", done=True, distort=objects),
    Fault("null_entries", "Done; nulls among the entries.", done=True, distort=null_entries),
    Fault("letters", "Done; ids in upper case, or spaces around.", done=True, distort=other_letters),
    Fault("mark", "Done; the answer begins with a byte order mark.", done=True, spoil=with_bom),
    Fault("bytes", "Done; the answer holds bytes that are no UTF-8.", done=True, spoil=windows_1252),
    Fault(
        "charset",
        "Done; the same, and the charset is declared.",
        done=True,
        spoil=windows_1252,
        headers={"Content-Type": "application/json; charset=windows-1252"},
    ),
    Fault("big_header", "Done; a header of 9 kB.", done=True, headers={"X-Big": "x" * 9000}),
    Fault("many_headers", "Done; 200 headers.", done=True, headers={f"X-{n}": "y" for n in range(200)}),
    Fault("nulls", "Done; an empty list is left out or null.", done=True, distort=no_empty_list),
)

BY_NAME: Final = {fault.name: fault for fault in FAULTS}
NAMES: Final = frozenset(BY_NAME)
OUTAGES: Final = frozenset(fault.name for fault in FAULTS if not fault.done)
"""Faults that can also strike every request for a while."""


class Faults:
    """Chooses faults by shares of all requests, given by name, which sum to 1 at most."""

    __slots__ = ("_bounds",)

    def __init__(self, fractions: Mapping[str, float]) -> None:
        self._bounds: list[tuple[float, Fault]] = []
        bound = 0.0
        for fault in FAULTS:
            if fraction := fractions.get(fault.name):
                bound += fraction
                self._bounds.append((bound, fault))

    def roll(self, chance: float) -> Fault:
        """The fault that strikes a request, or `NO_FAULT`. `chance` is a uniform number in [0, 1)."""
        for bound, fault in self._bounds:
            if chance < bound:
                return fault
        return NO_FAULT
