"""Reads jobs: `GET` requests, and the recount."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Annotated, Any, Final, cast

import msgspec
from litestar import Response, get, post
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from litestar.response import Stream

from producers.client import Client
from producers.job import Job
from producers.readable_job import ResultsFormat
from producers.summary import JobSummary
from producers.web.api import AnyRequest, Api, api_of, as_json, key_of, shown
from producers.web.feeds import Document
from producers.web.keys import Key
from producers.web.problems import Code, ProblemError
from worker.core.errors import BadInputError
from worker.core.ids import ORG_ID
from worker.core.job import State
from worker.core.outcome import Outcome
from worker.core.reporting.schema import Rate, Report

MAX_LIMIT: Final = 1000
FORMS: Final[dict[str, ResultsFormat]] = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/vnd.apache.parquet": "parquet",
}
_REPORT_POLICY: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The report is one page with its style in it, and runs no script."""

JobId = Annotated[str, PathParameter(description="The id of a job.")]
OrgId = Annotated[str, PathParameter(description="The id of an organization, a GUID.", pattern=ORG_ID)]
Outcomes = Annotated[
    list[str] | None,
    QueryParameter(description="Only these outcomes, comma between or repeated.", required=False),
]
Merged = Annotated[
    bool, QueryParameter(description="The latest outcome of each id over the job and its retries.")
]


class JobPage(msgspec.Struct, frozen=True):
    jobs: list[JobSummary]
    next_page_token: str | None
    """To be given as `page_token` for the jobs that follow; null with the last ones."""


class Verdict(msgspec.Struct, frozen=True):
    """What a recount of the per-id record found."""

    balanced: bool
    differences: list[str]
    recounted: dict[str, int]


@get("/jobs", operation_id="listJobs", summary="Jobs, newest first")
async def list_jobs(
    request: AnyRequest,
    state_: Annotated[
        str,
        QueryParameter(
            name="state",
            description="Only jobs in this state.",
            required=False,
            pattern=f"^(?:{'|'.join(State)}|)$",
        ),
    ] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = 100,
    page_token: Annotated[
        str,
        QueryParameter(description="`next_page_token` of the page before.", required=False),
    ] = "",
) -> Response[JobPage]:
    api = api_of(request)
    page = await api.threads.quick.run(
        page_of_jobs, api.client, key_of(request), state_ or None, limit, page_token or None
    )
    return cast("Response[JobPage]", as_json(page))


def page_of_jobs(client: Client, key: Key, state: str | None, limit: int, page_token: str | None) -> JobPage:
    """Jobs that the key reaches. Raises `BadInputError` for a token that is none."""
    summaries = client.summaries(state, page_token)
    reached = (summary for summary in summaries if key.reaches(summary.org_id))
    found = list(islice(reached, limit + 1))
    jobs = found[:limit]
    return JobPage(jobs, jobs[-1].position if len(found) > limit else None)


@get(
    "/jobs/{job_id:str}",
    operation_id="getJob",
    summary="The document of `status`",
    description="With `wait`, answers once the document differs from `If-None-Match` or the job rests, at the"
    " latest after so many seconds.",
)
async def get_job(
    request: AnyRequest,
    job_id: JobId,
    wait: Annotated[float, QueryParameter(ge=0, description="Seconds, 60 at most.")] = 0,
    if_none_match: Annotated[str | None, HeaderParameter(name="If-None-Match", required=False)] = None,
) -> Response[Report]:
    api = api_of(request)
    job = await api.job(request, job_id)
    document = await api.document(job)
    if wait and not _is_answer(document, if_none_match):
        document = await _awaited(api, job_id, document, if_none_match, min(wait, api.limits.wait))
    if _matches(document, if_none_match):
        return Response(
            cast("Any", None),
            status_code=304,
            headers={"etag": document.etag, "cache-control": "private, no-cache"},
        )
    return cast("Response[Report]", shown(document))


def _matches(document: Document, if_none_match: str | None) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in tags or document.etag in tags


def _is_answer(document: Document, if_none_match: str | None) -> bool:
    """Whether a request that waits is answered with this document."""
    return document.rests or (if_none_match is not None and not _matches(document, if_none_match))


async def _awaited(
    api: Api, job_id: str, document: Document, if_none_match: str | None, seconds: float
) -> Document:
    """The first document that is an answer; after `seconds`, the last one."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    with api.feeds.watching(job_id) as feed:
        while not _is_answer(document, if_none_match):
            found = await feed.differs(document.etag, ends - loop.time())
            if found is None:
                break
            document = found
    return document


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
    return await streamed(api, job, media_type, outcome, id_, merged=merged)


async def streamed(
    api: Api, job: Job, media_type: str, outcomes: list[str] | None, ids: list[str] | None, *, merged: bool
) -> Stream:
    """The rows of a job, as a file to be kept. Raises what is wrong before the answer begins."""
    form = FORMS[media_type]
    pieces = await api.threads.pieces.run(
        job.result_pieces, form, outcomes=outcomes_of(outcomes), ids=ids, merged=merged
    )
    first = await api.threads.pieces.run(next, pieces, b"")
    return Stream(
        _results(api, first, pieces),
        media_type=media_type,
        headers={
            "content-disposition": f'attachment; filename="{job.id}.{form}"',
            "cache-control": "no-store",
            "vary": "Accept",
        },
    )


async def _results(api: Api, first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each piece is read once the one before is sent: a slow reader holds no thread and little memory."""
    piece: bytes | None = first
    while piece is not None:
        if api.stopping.begun:
            raise ProblemError(Code.SHUTTING_DOWN, "the server is ending")
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


def outcomes_of(given: list[str] | None) -> list[str] | None:
    """Those of all parameters. Raises `BadInputError`."""
    names = [name.strip() for text in given or () for name in text.split(",")]
    known = {str(outcome) for outcome in Outcome}
    for name in names:
        if name not in known:
            raise BadInputError(f"outcome: {name!r} is none of {', '.join(sorted(known))}")
    return names or None


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


@post(
    "/jobs/{job_id:str}/verify",
    operation_id="verifyJob",
    summary="Recounts the job from its per-id record",
    status_code=200,
)
async def verify_job(request: AnyRequest, job_id: JobId) -> Response[Verdict]:
    api = api_of(request)
    job = await api.job(request, job_id)
    found = await api.threads.long.run(job.verify)
    verdict = Verdict(found.balanced, found.differences, dict(found.recounted))
    return cast("Response[Verdict]", as_json(verdict))


@get("/orgs/{org_id:str}/rate", operation_id="getRate", summary="The rate of an organization")
async def get_rate(request: AnyRequest, org_id: OrgId) -> Response[Rate]:
    api = api_of(request)
    org = api.org(request, org_id)
    return cast("Response[Rate]", as_json(await api.threads.quick.run(api.client.rate, org)))
