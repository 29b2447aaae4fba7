"""Changes jobs and rates."""

from collections.abc import Callable
from typing import Annotated, Final, Literal, cast

import msgspec
from litestar import Response, delete, patch, post, put

from producers.job import Change, Job
from producers.web.api import AnyRequest, api_of, as_json, json_body, key_of, shown
from producers.web.keys import Role
from producers.web.lists import job_path
from producers.web.parameters import JobId, OrgId, Outcomes, outcomes_of
from worker.core.errors import BadInputError
from worker.core.reporting.schema import Rate, Report
from worker.settings import MAX_RATE


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the state of a job is changed."""

    reason: str = ""


class Weight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    weight: Annotated[int, msgspec.Meta(ge=1, le=100)]
    """The job's share of its organization's rate."""


NamedRate = Literal["auto", "default"]
RequestsPerSecond = Annotated[float, msgspec.Meta(gt=0, le=MAX_RATE)]


class RateOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rate: RequestsPerSecond | NamedRate
    """Requests per second, `auto` or `default`."""


MAX_REASON: Final = 1000
"""Characters of a reason."""


def check_reason(reason: str) -> None:
    """Raises `BadInputError` for one that is too long."""
    if len(reason) > MAX_REASON:
        raise BadInputError(f"reason: at most {MAX_REASON} characters")


async def _control(request: AnyRequest, job_id: str, steer: Callable[[Job, str], Change]) -> Response[Report]:
    body = await json_body(request, Reason, Reason())
    check_reason(body.reason)
    api = api_of(request)
    job = await api.job(request, job_id)
    await api.threads.quick.run(steer, job, body.reason)
    return cast("Response[Report]", shown(await api.document(job)))


@post(
    "/jobs/{job_id:str}/pause",
    operation_id="pauseJob",
    summary="Stops sending; answers to what is in flight are recorded",
    opt={"role": Role.OPERATOR},
    status_code=200,
)
async def pause_job(request: AnyRequest, job_id: JobId) -> Response[Report]:
    return await _control(request, job_id, Job.pause)


@post(
    "/jobs/{job_id:str}/resume",
    operation_id="resumeJob",
    summary="Goes on with a paused job",
    opt={"role": Role.OPERATOR},
    status_code=200,
)
async def resume_job(request: AnyRequest, job_id: JobId) -> Response[Report]:
    return await _control(request, job_id, Job.resume)


@post(
    "/jobs/{job_id:str}/cancel",
    operation_id="cancelJob",
    summary="Ends the job; what was not sent stays so",
    opt={"role": Role.OPERATOR},
    status_code=200,
)
async def cancel_job(request: AnyRequest, job_id: JobId) -> Response[Report]:
    return await _control(request, job_id, Job.cancel)


@post(
    "/jobs/{job_id:str}/retry",
    operation_id="retryJob",
    summary="Makes a child job of the ids that did not succeed",
    opt={"role": Role.OPERATOR},
    status_code=201,
)
async def retry_job(request: AnyRequest, job_id: JobId, outcome: Outcomes = None) -> Response[Report]:
    api = api_of(request)
    job = await api.job(request, job_id)
    child = await api.threads.long.run(job.retry, outcomes_of(outcome))
    document = await api.document(child)
    return cast("Response[Report]", shown(document, 201, location=job_path(child.id)))


@patch(
    "/jobs/{job_id:str}",
    operation_id="changeJob",
    summary="Changes the job's share of its organization's rate",
    opt={"role": Role.ADMIN},
)
async def change_job(request: AnyRequest, job_id: JobId) -> Response[Report]:
    body = await json_body(request, Weight, None)
    api = api_of(request)
    job = await api.job(request, job_id)
    await api.threads.quick.run(job.set_weight, body.weight)
    return cast("Response[Report]", shown(await api.document(job)))


@delete(
    "/jobs/{job_id:str}",
    operation_id="purgeJob",
    summary="Removes a job that rests, and everything it stored",
    opt={"role": Role.ADMIN},
)
async def purge_job(request: AnyRequest, job_id: JobId) -> None:
    api = api_of(request)
    job = await api.job(request, job_id)
    await api.threads.long.run(job.purge)


@put(
    "/orgs/{org_id:str}/rate",
    operation_id="setRate",
    summary="Changes the rate of an organization, for every worker at once",
    opt={"role": Role.ADMIN},
)
async def set_rate(request: AnyRequest, org_id: OrgId) -> Response[Rate]:
    body = await json_body(request, RateOrder | RequestsPerSecond | NamedRate, None)
    rate = body.rate if isinstance(body, RateOrder) else body
    api = api_of(request)
    org = api.org(request, org_id)
    client = api.client.acting_as(key_of(request).name)
    await api.threads.quick.run(client.set_rate, org, rate)
    return cast("Response[Rate]", as_json(await api.threads.quick.run(client.rate, org)))
