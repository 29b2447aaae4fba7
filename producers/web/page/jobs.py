"""The jobs at a glance."""

from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from litestar import Response, get

from producers.summary import JobSummary
from producers.web.api import AnyRequest, api_of, key_of
from producers.web.page.bars import Part, bar_of
from producers.web.page.rendering import page
from producers.web.page.sign_in import sign_in_by_address
from producers.web.reading import page_of_jobs
from worker.core.errors import BadInputError
from worker.core.job import State
from worker.core.outcome import settled_in, unsuccessful_in

_A_PAGE: Final = 50
"""Jobs on one page."""


class Row(NamedTuple):
    job: JobSummary
    parts: list[Part]
    settled: int
    unsuccessful: int


@get("/", include_in_schema=False)
async def jobs_page(request: AnyRequest) -> Response[Any]:
    if request.scope["user"] is None:
        return await sign_in_by_address(request)
    api = api_of(request)
    state, after = (request.query_params.get(name) or None for name in ("state", "after"))
    if state is not None and state not in set(State):
        raise BadInputError(f"no job is ever {state!r}: choose one of {', '.join(State)}")
    found = await api.threads.quick.run(page_of_jobs, api.client, key_of(request), state, _A_PAGE, after)
    older = found.next_page_token and urlencode(
        ({"state": state} if state else {}) | {"after": found.next_page_token}
    )
    return page(
        request,
        "jobs",
        rows=[_row(job) for job in found.jobs],
        state=state,
        states=list(State),
        after=after,
        older=older,
    )


def _row(job: JobSummary) -> Row:
    return Row(job, bar_of(job.counts), settled_in(job.counts), unsuccessful_in(job.counts))
