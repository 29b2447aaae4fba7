"""A new job in two steps: the plan of a list, then its activation."""

import tempfile
from contextlib import ExitStack
from typing import IO, Any, Final

from litestar import Response, get, post

from producers.reading import Source
from producers.submission.planned import Plan
from producers.web.api import AnyRequest, Api, api_of, key_of
from producers.web.keys import Role
from producers.web.list_file import naming_full_disk
from producers.web.page.held import FormList, Held
from producers.web.page.multipart_form import FormReader
from producers.web.page.rendering import page, see_other
from producers.web.page.state import session_of, state_of
from producers.web.problems import STATUS, Code, ProblemError, problem_of
from producers.web.uploads import receive
from worker.core.errors import BadInputError

_NO_FILE: Final = "Choose a file: nothing came with the form."
_WORKBOOK: Final = "This is a workbook: save its sheet as CSV, and choose that file."
_GONE: Final = "the list is not kept any more: choose its file again"
LISTS_KEPT: Final = 2
"""All lists that are held take so many times SERVE_MAX_UPLOAD."""
_WORDS: Final = {
    "org_id:": "Organization:",
    "column:": "Column:",
    "--column": "Column",
    " add --": " use `bulk-activate submit` with --",
}
_SHOWN: Final = frozenset(
    {
        Code.BAD_INPUT,
        Code.FORBIDDEN,
        Code.TOO_LARGE,
        Code.TOO_MANY_REQUESTS,
        Code.BUSY,
        Code.INSUFFICIENT_STORAGE,
    }
)
"""Problems that the form shows: it is mended and sent again, or sent again later."""


@get("/new", include_in_schema=False, opt={"role": Role.OPERATOR})
async def new_page(request: AnyRequest) -> Response[str]:
    return _form(request)


@post("/new", include_in_schema=False, opt={"role": Role.OPERATOR}, status_code=200)
async def check_list(request: AnyRequest) -> Response[Any]:
    """Plans the list, and keeps it for the session."""
    api, session = api_of(request), session_of(request)
    fields: dict[str, str] = {}
    try:
        with api.bounds.uploads.one_of(key_of(request)), naming_full_disk(), ExitStack() as until_kept:
            file = until_kept.enter_context(tempfile.TemporaryFile())
            form_list = await _received(request, api, file, fields)
            plan = await api.threads.long.run(_planned, api, form_list)
            most = LISTS_KEPT * api.settings.serve_max_upload
            name = state_of(request).held.hold(session, form_list, plan, most)
            until_kept.pop_all()
    except (BadInputError, ProblemError) as error:
        problem = problem_of(error) if isinstance(error, BadInputError) else error
        if problem.code not in _SHOWN:
            raise
        return _form(request, STATUS[problem.code], error=_worded(problem.detail), **fields)
    return see_other(f"/new/{name}")


async def _received(request: AnyRequest, api: Api, file: IO[bytes], fields: dict[str, str]) -> FormList:
    """The list in the form. `fields` takes the others. Raises `ProblemError` and `BadInputError`."""
    bounds = api.bounds
    form = FormReader(request.headers.get("content-type", ""), file, bounds.most)
    await receive(request, form.write, bounds)
    await bounds.threads.pieces.run(form.finish)
    fields |= {name: form.fields.get(name, "") for name in ("organization", "column")}
    org_id = api.org(request, fields["organization"])
    if not form.file_name:
        raise BadInputError(_NO_FILE)
    if form.file_name.lower().endswith((".xlsx", ".xls", ".ods")):
        raise BadInputError(_WORKBOOK)
    return FormList(form.file_name, file, org_id, fields["column"])


def _planned(api: Api, form_list: FormList) -> Plan:
    return api.client.plan(_source(api, form_list), **form_list.reading)


def _source(api: Api, form_list: FormList) -> Source:
    return form_list.source(api.bounds.check)


@get("/new/{name:str}", include_in_schema=False, opt={"role": Role.OPERATOR})
async def plan_page(request: AnyRequest, name: str) -> Response[str]:
    held = _held(request, name)
    return page(request, "plan", held=held, plan=held.plan)


@post("/new/{name:str}/activate", include_in_schema=False, opt={"role": Role.OPERATOR}, status_code=200)
async def activate(request: AnyRequest, name: str) -> Response[bytes]:
    """Submits what was planned, and nothing else: once, however often the form is sent."""
    api, session = api_of(request), session_of(request)
    client = api.client.acting_as(key_of(request).name)

    async def submit() -> str:
        held = _held(request, name)
        # The role and the organizations of the key may have changed since.
        org_id = api.org(request, held.list.org_id)

        def submitted() -> str:
            job = client.submit(
                _source(api, held.list),
                org_id=org_id,
                request_id=f"page-{name}",
                plan=held.plan.plan,
                **held.list.reading,
            )
            return job.id

        job_id = await api.threads.long.run(submitted)
        state_of(request).held.drop(name)
        return f"/jobs/{job_id}"

    return see_other(await session.once.do(name, submit))


def _held(request: AnyRequest, name: str) -> Held:
    held = state_of(request).held.find(session_of(request), name)
    if held is None:
        raise ProblemError(Code.NOT_FOUND, _GONE)
    return held


def _worded(detail: str) -> str:
    """What is said of options and parameters, for who has fields."""
    for name, words in _WORDS.items():
        detail = detail.replace(name, words)
    return detail


def _form(request: AnyRequest, status: int = 200, *, error: str = "", **fields: str) -> Response[str]:
    orgs = sorted(key_of(request).orgs or ())
    known = orgs[0] if len(orgs) == 1 else api_of(request).settings.org_id or ""
    return page(
        request,
        "new",
        int(status),
        error=error,
        orgs=orgs,
        organization=fields.get("organization", known),
        column=fields.get("column", ""),
    )
