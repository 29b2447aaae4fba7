"""What the pages keep between two requests, besides sessions."""

from dataclasses import dataclass, field

from producers.web.api import AnyRequest
from producers.web.page.held import HeldLists
from producers.web.page.speed import Speeds
from producers.web.problems import Code, ProblemError
from producers.web.sessions import Session


@dataclass(frozen=True)
class PageState:
    held: HeldLists = field(default_factory=HeldLists)
    speeds: Speeds = field(default_factory=Speeds)


def state_of(request: AnyRequest) -> PageState:
    found: PageState = request.app.state.page
    return found


def session_of(request: AnyRequest) -> Session:
    """The session of the request. Raises `ProblemError` where it came with a key of its own."""
    found: Session | None = request.scope.get("auth")
    if found is None:
        raise ProblemError(Code.UNAUTHENTICATED, "this needs a session of the page; programs use /api/v1")
    return found
