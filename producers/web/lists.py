"""Takes lists: makes jobs and plans of them."""

from typing import Annotated, Any, Final, TypeVar, cast

from litestar import Response, post
from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, QueryParameter

from producers.job import SubmittedJob
from producers.keywords import ReadingOptions
from producers.submission.planned import Plan
from producers.web.api import AnyRequest, api_of, as_json, key_of, shown
from producers.web.keys import Role
from producers.web.uploads import format_of, received
from worker.core.errors import BadInputError
from worker.core.ids import ORG_ID
from worker.core.reporting.schema import Report

T = TypeVar("T")
FORMATS: Final = ("auto", "lines", "csv", "tsv", "ndjson")
"""The formats that a body can have; workbooks have no media type here."""
MAX_KEY: Final = 255
"""Characters of an idempotency key."""


def optional(description: str, **more: Any) -> Any:
    return QueryParameter(description=description, required=False, **more)


def job_path(job_id: str) -> str:
    return f"/api/v1/jobs/{job_id}"


def reading_options(
    request: AnyRequest,
    column: Annotated[str, optional("The column of a table that holds the ids: its name or number.")] = "",
    delimiter: Annotated[
        str | None, optional("What stands between the cells of a CSV.", max_length=1)
    ] = None,
    field: Annotated[str, optional("The field of NDJSON objects that holds the id.")] = "",
    format_: Annotated[
        str,
        optional(
            "How the list is written; without it the Content-Type says it.",
            name="format",
            pattern=f"^(?:{'|'.join(FORMATS)}|)$",
        ),
    ] = "",
    strict: Annotated[bool, optional("Refuse a list that has a malformed line.")] = False,
    allow_malformed: Annotated[bool, optional("Take a list most of whose lines are malformed.")] = False,
    allow_token_like_ids: Annotated[
        bool, optional("These are ids, although they look like token values.")
    ] = False,
) -> ReadingOptions:
    """How the list in the body is read. Raises `ProblemError` for a body that is no list."""
    by_media_type = format_of(request)
    given = {
        "format": format_ or by_media_type,
        "column": column,
        "delimiter": delimiter,
        "field": field,
        "strict": strict,
        "allow_malformed": allow_malformed,
        "allow_token_like_ids": allow_token_like_ids,
    }
    return cast("ReadingOptions", {name: value for name, value in given.items() if value})


Reading = NamedDependency[ReadingOptions]
_READING: Final = {"reading": Provide(reading_options, sync_to_thread=False)}


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
    dependencies=_READING,
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
    dependencies=_READING,
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
