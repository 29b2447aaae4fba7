"""Reads jobs and rates, and recounts a job."""

import asyncio
from itertools import islice
from typing import Annotated, Any, Final, cast

import msgspec
from litestar import Response, get, post
from litestar.params import HeaderParameter, QueryParameter

from producers.client import Client
from producers.summary import JobSummary
from producers.web.api import AnyRequest, Api, api_of, as_json, key_of, shown
from producers.web.documents import Document
from producers.web.etags import matches
from producers.web.keys import Key
from producers.web.parameters import JobId, OrgId
from worker.core.job import State
from worker.core.reporting.schema import Rate, Report

MAX_LIMIT: Final = 1000


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
    document = await api.document_of(request, job_id)
    if wait and not _is_answer(document, if_none_match):
        document = await _awaited(api, job_id, document, if_none_match, min(wait, api.limits.wait))
    if matches(document.etag, if_none_match):
        return Response(
            cast("Any", None),
            status_code=304,
            headers={"etag": document.etag, "cache-control": "private, no-cache"},
        )
    return cast("Response[Report]", shown(document))


def _is_answer(document: Document, if_none_match: str | None) -> bool:
    """Whether a request that waits is answered with this document."""
    return document.rests or (if_none_match is not None and not matches(document.etag, if_none_match))


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
