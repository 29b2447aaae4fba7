"""The rows of a job as a stream, and its report as a page."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Final

from litestar import Response, get
from litestar.params import QueryParameter
from litestar.response import Stream

from producers.job import Job
from producers.readable_job import ResultsFormat
from producers.web.api import AnyRequest, Api, api_of
from producers.web.parameters import JobId, Merged, Outcomes, outcomes_of
from producers.web.problems import Code, ProblemError

FORMS: Final[dict[str, ResultsFormat]] = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/vnd.apache.parquet": "parquet",
}
_REPORT_POLICY: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The report is one page with its style in it, and runs no script."""


@get(
    "/jobs/{job_id:str}/results",
    operation_id="getResults",
    summary="A row per id, streamed, also while the job runs",
)
async def get_results(
    request: AnyRequest,
    job_id: JobId,
    outcome: Outcomes = None,
    id_: Annotated[
        list[str] | None, QueryParameter(name="id", description="Only this id; repeatable.", required=False)
    ] = None,
    merged: Merged = False,
) -> Stream:
    media_type = preferred(request.headers.get("accept"))
    api = api_of(request)
    job = await api.job(request, job_id)
    return await streamed(request, job, media_type, outcome, id_, merged=merged)


async def streamed(
    request: AnyRequest,
    job: Job,
    media_type: str,
    outcomes: list[str] | None,
    ids: list[str] | None,
    *,
    merged: bool,
) -> Stream:
    """The rows of a job, as a file to be kept. Raises what is wrong before the answer begins."""
    api = api_of(request)
    form = FORMS[media_type]
    pieces = await api.threads.pieces.run(
        job.result_pieces, form, outcomes=outcomes_of(outcomes), ids=ids, merged=merged
    )
    first = await api.threads.pieces.run(next, pieces, b"")
    return Stream(
        _results(request, first, pieces),
        media_type=media_type,
        headers={
            "content-disposition": f'attachment; filename="{job.id}.{form}"',
            "cache-control": "no-store",
            "vary": "Accept",
        },
    )


async def _results(request: AnyRequest, first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each piece is read once the one before is sent: a slow reader holds no thread and little memory.

    Raises `ProblemError`, which cuts the answer short, once the server ends, or the key or the session does.
    """
    api = api_of(request)
    piece: bytes | None = first
    while piece is not None:
        if api.stopping.begun:
            raise ProblemError(Code.SHUTTING_DOWN, "the server is ending")
        if not api.is_admitted(request):
            raise ProblemError(Code.UNAUTHENTICATED, "the key or the session does not hold any more")
        if piece:
            yield piece
        piece = await api.threads.pieces.run(next, pieces, None)


def preferred(accept: str | None) -> str:
    """The media type of results that the client wants most. Raises `ProblemError`."""
    best, best_quality = None, 0.0
    for entry in (accept or "*/*").split(","):
        wanted, *parameters = (part.strip().lower() for part in entry.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        fitting = [name for name in FORMS if wanted in {name, "*/*", f"{name.partition('/')[0]}/*"}]
        if fitting and quality > best_quality:
            best, best_quality = fitting[0], quality
    if best is None:
        raise ProblemError(Code.NOT_ACCEPTABLE, f"results are one of {', '.join(FORMS)}")
    return best


@get(
    "/jobs/{job_id:str}/report.html",
    operation_id="getReportPage",
    summary="The page that `report` writes",
    media_type="text/html",
)
async def get_report_page(request: AnyRequest, job_id: JobId, merged: Merged = False) -> Response[str]:
    api = api_of(request)
    return await report_page(api, await api.job(request, job_id), merged=merged)


async def report_page(api: Api, job: Job, *, merged: bool) -> Response[str]:
    page = await api.threads.long.run(job.page, merged=merged)
    return Response(
        page,
        media_type="text/html",
        headers={"content-security-policy": _REPORT_POLICY, "cache-control": "no-store"},
    )
