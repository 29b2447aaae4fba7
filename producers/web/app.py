"""The HTTP API and the page as an ASGI application: its routes, and how errors are answered."""

from http import HTTPStatus
from typing import Any, Final, Literal, cast

import msgspec
import structlog
from litestar import Litestar, Response, Router, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException

from producers.web import events, lists, reading, results, steering
from producers.web.answers import refusal
from producers.web.api import AnyRequest, Api, api_of, as_json, require_role
from producers.web.docs import DOCS, openapi_document
from producers.web.page.handlers import PAGES
from producers.web.page.state import PageState
from producers.web.problems import STATUS, Code, ProblemError, problem_of
from worker.core.errors import BulkActivateError

_HANDLERS: Final = (
    reading.list_jobs,
    reading.get_job,
    reading.verify_job,
    reading.get_rate,
    results.get_results,
    results.get_report_page,
    steering.pause_job,
    steering.resume_job,
    steering.cancel_job,
    steering.retry_job,
    steering.change_job,
    steering.purge_job,
    steering.set_rate,
    lists.submit_job,
    lists.plan_list,
    events.watch_job,
)
_BY_STATUS: Final = {
    HTTPStatus.UNAUTHORIZED: Code.UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: Code.FORBIDDEN,
    HTTPStatus.NOT_FOUND: Code.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: Code.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Code.TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Code.UNSUPPORTED_MEDIA_TYPE,
}

_log = structlog.get_logger(__name__)


class Health(msgspec.Struct, frozen=True):
    status: Literal["alive", "ready"]


def make_app(api: Api) -> Litestar:
    """The application over `api`, without the check of hosts and keys: that is `Gate`."""
    handlers = (Router("/api/v1", route_handlers=[*_HANDLERS, openapi]), docs, healthz, readyz, *PAGES)
    return Litestar(
        handlers,
        guards=[require_role],
        exception_handlers={Exception: answer},
        state=State({"api": api, "page": PageState(), "openapi": openapi_document(handlers)}),
        # Its own controller would load scripts from elsewhere.
        openapi_config=None,
        request_max_body_size=None,
        response_headers={"x-content-type-options": "nosniff"},
        logging_config=None,
    )


def answer(request: AnyRequest, error: Exception) -> Response[bytes]:
    """The problem that an error is, as a page for people."""
    problem = _problem(error)
    if STATUS[problem.code] >= HTTPStatus.INTERNAL_SERVER_ERROR and problem.code is not Code.SHUTTING_DOWN:
        if problem.code is Code.UNEXPECTED:
            _log.error("a request failed", path=request.url.path, exc_info=error)
        else:
            _log.warning("a request failed", path=request.url.path, why=str(error))
    status, fields, body = refusal(request.scope, problem, request.scope.get("user"))
    if isinstance(error, MethodNotAllowedException):
        allowed = {name.lower(): value for name, value in (error.headers or {}).items()}.get("allow", "")
        methods = allowed.split(", ")
        fields["allow"] = ", ".join(sorted({*methods} - {"OPTIONS"}))
    # Litestar adds the charset.
    media_type = fields.pop("content-type", "").partition(";")[0]
    return Response(body, status_code=status, media_type=media_type or None, headers=fields)


def _problem(error: Exception) -> ProblemError:
    match error:
        case ProblemError():
            return error
        case BulkActivateError():
            return problem_of(error)
        case ValidationException():
            return ProblemError(Code.BAD_INPUT, _invalid(error.extra) or error.detail)
        case HTTPException() if error.status_code in _BY_STATUS:
            code = _BY_STATUS[HTTPStatus(error.status_code)]
            return ProblemError(code, error.detail)
        case HTTPException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return ProblemError(Code.BAD_INPUT, error.detail)
        case _:
            return problem_of(BulkActivateError())


def _invalid(extra: Any) -> str:
    """What is wrong with each parameter."""
    found = extra if isinstance(extra, list) else []
    wrong = [(each.get("key", "parameter"), each["message"]) for each in found if "message" in each]
    # A handler's parameter that is named like a function of Python ends in `_`.
    return "; ".join(f"{name.rstrip('_')}: {message}" for name, message in wrong)


@get("/healthz", operation_id="isAlive", summary="Whether the server answers")
async def healthz() -> Health:
    return Health("alive")


@get("/readyz", operation_id="isReady", summary="Whether Redis can be used")
async def readyz(request: AnyRequest) -> Response[Health]:
    api = api_of(request)
    await api.threads.quick.run(api.client.live_workers)
    return cast("Response[Health]", as_json(Health("ready")))


@get("/openapi.json", include_in_schema=False)
async def openapi(request: AnyRequest) -> Response[bytes]:
    return as_json(request.app.state.openapi)


@get("/api/docs", include_in_schema=False, media_type="text/html")
async def docs(request: AnyRequest) -> Response[str]:
    return Response(
        DOCS.render(document=request.app.state.openapi),
        media_type="text/html",
        headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )
