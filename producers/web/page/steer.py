"""The buttons of a job: which there are, and what they do."""

import secrets
from typing import Final, NamedTuple

from litestar import Response, post

from producers.job import Job
from producers.web.api import AnyRequest, api_of
from producers.web.keys import Key, Role
from producers.web.page.forms import fields_of
from producers.web.page.rendering import see_other
from producers.web.page.state import session_of
from producers.web.steering import check_reason
from worker.core.job import ALLOWED_FROM, AT_REST, Control
from worker.core.reporting.schema import Report

_STEER: Final = {"pause": Job.pause, "resume": Job.resume, "cancel": Job.cancel}


class Buttons(NamedTuple):
    names: list[str]
    """Of the paths; none where there is nothing to press."""
    form: str
    """Tells this form from others, so that it acts once."""


def buttons_of(report: Report, key: Key) -> Buttons:
    """What the state of the job and the role of the key allow."""
    if not key.role.may(Role.OPERATOR):
        return Buttons([], "")
    controls = (Control.RESUME, Control.PAUSE, Control.CANCEL)
    names = [str(control) for control in controls if report.state in ALLOWED_FROM[control]]
    if report.state in AT_REST and report.unsuccessful():
        names.append("retry")
    return Buttons(names, secrets.token_urlsafe(16))


@post(
    [f"/jobs/{{job_id:str}}/{name}" for name in _STEER],
    include_in_schema=False,
    opt={"role": Role.OPERATOR},
    status_code=200,
)
async def steer(request: AnyRequest, job_id: str) -> Response[bytes]:
    reason = await _reason(request)
    api = api_of(request)
    job = await api.job(request, job_id)
    await api.threads.quick.run(_STEER[request.url.path.rpartition("/")[2]], job, reason)
    return see_other(f"/jobs/{job_id}")


@post("/jobs/{job_id:str}/retry", include_in_schema=False, opt={"role": Role.OPERATOR}, status_code=200)
async def retry(request: AnyRequest, job_id: str) -> Response[bytes]:
    """Makes a child job, once for each form; the reason becomes its label `reason`."""
    api, session = api_of(request), session_of(request)
    fields = await fields_of(request)
    reason, form = fields.get("reason", ""), fields.get("form", "")
    check_reason(reason)
    job = await api.job(request, job_id)

    async def make() -> str:
        labels = {"reason": reason} if reason else {}
        child = await api.threads.long.run(job.retry, labels=labels)
        return f"/jobs/{child.id}"

    return see_other(await session.once.do(form and f"{job_id}/{form}", make))


async def _reason(request: AnyRequest) -> str:
    reason = (await fields_of(request)).get("reason", "")
    check_reason(reason)
    return reason
