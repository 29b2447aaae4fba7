"""Parameters that several requests take."""

from typing import Annotated

from litestar.params import PathParameter, QueryParameter

from worker.core.errors import BadInputError
from worker.core.ids import ORG_ID
from worker.core.outcome import Outcome

JobId = Annotated[str, PathParameter(description="The id of a job.")]
OrgId = Annotated[str, PathParameter(description="The id of an organization, a GUID.", pattern=ORG_ID)]
Outcomes = Annotated[
    list[str] | None,
    QueryParameter(description="Only these outcomes, comma between or repeated.", required=False),
]
Merged = Annotated[
    bool, QueryParameter(description="The latest outcome of each id over the job and its retries.")
]


def outcomes_of(given: list[str] | None) -> list[str] | None:
    """Those of all parameters. Raises `BadInputError`."""
    names = [name.strip() for text in given or () for name in text.split(",")]
    known = {str(outcome) for outcome in Outcome}
    for name in names:
        if name not in known:
            raise BadInputError(f"outcome: {name!r} is none of {', '.join(sorted(known))}")
    return names or None
