"""Takes lists: makes jobs and plans of them."""

from typing import Annotated, Final, TypeVar, cast

from litestar import Response, post
from litestar.params import HeaderParameter

from producers.job import SubmittedJob
from producers.submission.planned import Plan
from producers.web.api import AnyRequest, api_of, as_json, key_of, shown
from producers.web.keys import Role
from producers.web.list_options import READING, Reading, optional
from producers.web.uploads import received
from worker.core.errors import BadInputError
from worker.core.ids import ORG_ID
from worker.core.reporting.schema import Report

T = TypeVar("T")
MAX_KEY: Final = 255
"""Characters of an idempotency key."""


def job_path(job_id: str) -> str:
    return f"/api/v1/jobs/{job_id}"


def _given(request: AnyRequest, **parameter: T) -> T | None:
    """The value of a parameter, or None where the request has none.

    None as its default would do, but Litestar reads the word `null` as that. For the same reason texts are
    empty where they are not given.
    """
    ((name, value),) = parameter.items()
    return value if name in request.query_params else None


@post(
    "/jobs",
    operation_id="submitJob",
    summary="Stores a list as a job for the workers",
    description="With an `Idempotency-Key` that was used before for the same list, answers 200 with its job.",
    opt={"role": Role.OPERATOR},
    dependencies=READING,
    status_code=201,
)
async def submit_job(
    request: AnyRequest,
    reading: Reading,
    org_id: Annotated[str, optional("The organization, a GUID.", pattern=f"{ORG_ID}|^$")] = "",
    label: Annotated[list[str] | None, optional("`name=value`, kept with the job; repeatable.")] = None,
    weight: Annotated[int, optional("Share of the organization's rate.", ge=1, le=100)] = 1,
    deadline: Annotated[str, optional("End the job so long after now, as in `6h`.")] = "",
    max_failures: Annotated[int, optional("End the job past so many failed ids.", ge=0)] = 0,
    max_failure_ratio: Annotated[
        float, optional("End the job past this share of failed ids.", ge=0, le=1)
    ] = 0,
    plan: Annotated[str, optional("Refuse a list that differs from this plan, or sha256.")] = "",
    idempotency_key: Annotated[
        str,
        HeaderParameter(
            name="Idempotency-Key",
            description="The same key and list give the same job, never a second.",
            max_length=MAX_KEY,
            required=False,
        ),
    ] = "",
) -> Response[Report]:
    api = api_of(request)
    org = api.org(request, org_id)
    labels = _labels(label)
    if not (idempotency_key.isascii() and idempotency_key.isprintable()) or (
        not idempotency_key and "idempotency-key" in request.headers
    ):
        raise BadInputError(f"Idempotency-Key: 1 to {MAX_KEY} printable characters")
    client = api.client.acting_as(key_of(request).name)
    async with received(request, api.bounds) as source:

        def submit() -> SubmittedJob:
            return client.submit(
                source,
                org_id=org,
                request_id=idempotency_key or None,
                labels=labels,
                weight=weight,
                deadline=deadline or None,
                max_failures=_given(request, max_failures=max_failures),
                max_failure_ratio=_given(request, max_failure_ratio=max_failure_ratio),
                plan=plan or None,
                **reading,
            )

        job = await api.threads.long.run(submit)
    document = await api.document(job)
    return cast("Response[Report]", shown(document, 201 if job.is_new else 200, location=job_path(job.id)))


@post(
    "/plans",
    operation_id="planList",
    summary="Reads and checks a list; nothing is stored",
    opt={"role": Role.OPERATOR},
    dependencies=READING,
    status_code=200,
)
async def plan_list(
    request: AnyRequest,
    reading: Reading,
) -> Response[Plan]:
    api = api_of(request)
    async with received(request, api.bounds) as source:
        found = await api.threads.long.run(api.client.plan, source, **reading)
    return cast("Response[Plan]", as_json(found))


def _labels(given: list[str] | None) -> dict[str, str]:
    """Raises `BadInputError` for one that is not of the form name=value."""
    labels = {}
    for label in given or ():
        name, equals, value = label.partition("=")
        if not name or not equals:
            raise BadInputError(f"label: {label!r} is not of the form name=value")
        labels[name] = value
    return labels
