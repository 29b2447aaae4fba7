"""Parameters that several requests take."""

from typing import Annotated

from litestar.params import PathParameter, QueryParameter

from worker.core.ids import ORG_ID
from worker.core.outcome import Outcome
from worker.reports.results import parse_outcomes

JobId = Annotated[str, PathParameter(description="The id of a job.")]
OrgId = Annotated[str, PathParameter(description="The id of an organization, a GUID.", pattern=ORG_ID)]
Outcomes = Annotated[
    list[str] | None,
    QueryParameter(description="Only these outcomes, comma between or repeated.", required=False),
]
Merged = Annotated[
    bool, QueryParameter(description="The latest outcome of each id over the job and its retries.")
]


def outcomes_of(given: list[str] | None) -> frozenset[Outcome] | None:
    """Those of all parameters. Raises `BadInputError`."""
    return parse_outcomes(",".join(given), "outcome") if given else None
