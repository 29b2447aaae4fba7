"""A job as it runs, and what is downloaded of it."""

from importlib.util import find_spec
from itertools import islice
from typing import Any, Final

from litestar import Response, get
from litestar.response import Stream

from producers.web.api import AnyRequest, api_of, key_of
from producers.web.page.bars import bar_of
from producers.web.page.headline import Tone, headline
from producers.web.page.rendering import page
from producers.web.page.state import state_of
from producers.web.page.steer import buttons_of
from producers.web.results import FORMS, report_page, streamed
from worker.core.outcome import Outcome
from worker.core.reporting.rows import Row
from worker.reports.html import sections
from worker.reports.status import ReportSnapshot

_FILES: Final[dict[str, str]] = {
    form: media_type
    for media_type, form in FORMS.items()
    # Of the extra `parquet`.
    if form != "parquet" or find_spec("pyarrow") is not None
}
"""The media types of results by what their file names end in."""
_MOST_ROWS: Final = 20
"""Rows of an id that are shown: it may stand in the list many times."""
_MEANINGS: Final = {
    **sections.MEANINGS,
    Outcome.SKIPPED: "a repeated or malformed line, never sent",
}
_TONES: Final = {
    Outcome.PENDING: Tone.MOVING,
    Outcome.AMBIGUOUS: Tone.MOVING,
    Outcome.ACTIVATED: Tone.GOOD,
    Outcome.ALREADY_ACTIVE: Tone.GOOD,
    Outcome.FAILED: Tone.BAD,
    Outcome.UNKNOWN: Tone.WAITING,
    Outcome.NOT_ATTEMPTED: Tone.WAITING,
    Outcome.SKIPPED: Tone.WAITING,
}


@get("/jobs/{job_id:str}", include_in_schema=False)
async def job_page(request: AnyRequest, job_id: str) -> Response[str]:
    api = api_of(request)
    job = await api.job(request, job_id)
    progress, timeline = await api.threads.quick.run(job.snapshot)
    report = progress.report
    speed = state_of(request).speeds.of(report, timeline)
    return page(
        request,
        "job",
        report=report,
        progress=progress,
        speed=speed,
        headline=headline(progress),
        buttons=buttons_of(report, key_of(request)),
        bar_parts=bar_of(report.counts),
        outcomes=sections.outcomes(report),
        curves=sections.curves([ReportSnapshot(report, timeline)]),
        requests=sections.requests(report),
        spent=sections.time_split(report),
        facts=sections.facts(report),
        labels=sections.labels(report),
        family=sections.Family(1, ()),
        history=sections.history(report),
        files=_FILES,
    )


@get("/jobs/{job_id:str}/ids", include_in_schema=False)
async def find_id(request: AnyRequest, job_id: str) -> Response[str]:
    """What became of one id, which a form asks for."""
    api = api_of(request)
    job = await api.job(request, job_id)
    wanted = request.query_params.get("id", "").strip()

    def rows() -> list[Row]:
        return list(islice(job.results(ids=wanted), _MOST_ROWS)) if wanted else []

    found = await api.threads.long.run(rows)
    return page(
        request,
        "find",
        200 if found or not wanted else 404,
        job_id=job_id,
        wanted=wanted,
        rows=found,
        meanings=_MEANINGS,
        tones=_TONES,
    )


@get([f"/jobs/{{job_id:str}}/results.{form}" for form in _FILES], include_in_schema=False)
async def results_file(request: AnyRequest, job_id: str) -> Stream:
    """The rows as a file; `outcome` as in the API."""
    job = await api_of(request).job(request, job_id)
    media_type = _FILES[request.url.path.rpartition(".")[2]]
    outcomes: Any = request.query_params.getall("outcome", None)
    return await streamed(request, job, media_type, outcomes, None, merged=False)


@get("/jobs/{job_id:str}/report.html", include_in_schema=False)
async def report_file(request: AnyRequest, job_id: str) -> Response[str]:
    api = api_of(request)
    return await report_page(api, await api.job(request, job_id), merged=False)
