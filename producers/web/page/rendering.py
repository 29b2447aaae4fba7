"""Writes pages, with templates over those of the report, whose look they share."""

from datetime import datetime
from functools import cache
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, PackageLoader
from litestar import Response
from markupsafe import Markup, escape

from producers.web.api import AnyRequest
from producers.web.keys import Role
from producers.web.steering import MAX_REASON
from worker.core.duration import show_duration
from worker.core.job import AT_REST
from worker.reports.html.environment import environment as report_environment

HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # With `no-referrer`, the `Origin` of a form that is sent would be `null`.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
"""Of every page: it loads nothing from elsewhere, holds no script and no style, and stands in no frame."""


@cache
def environment() -> Environment:
    report = report_environment()
    assert report.loader is not None, "it has its package's"
    made = report.overlay(loader=ChoiceLoader([PackageLoader("producers.web.page"), report.loader]))
    # Those of an overlay are its maker's.
    made.filters = report.filters | {"when": when, "prose": prose, "duration": show_duration}
    made.globals = report.globals | {
        "Role": Role,
        "AT_REST": AT_REST,
        "MAX_REASON": MAX_REASON,
    }
    return made


def when(moment: str | None) -> str:
    """A time of the document, such as `2026-11-29T11:07:12.304Z`, for people."""
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M:%S}" if moment else ""


def prose(words: str) -> Markup:
    """A sentence of ours, with what it has between backticks as code."""
    parts = (escape(part) for part in words.split("`"))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts)
    )


def html(name: str, **values: Any) -> str:
    """The page of the template `name`; `key` is who looks at it, or None."""
    return environment().get_template(f"{name}.html").render(values)


def page(request: AnyRequest, name: str, status: int = 200, **values: Any) -> Response[str]:
    """The answer with the template `name`, for the key of the request."""
    return Response(
        html(name, key=request.scope["user"], path=request.url.path, **values),
        status_code=status,
        media_type="text/html",
        headers=HEADERS,
    )


def see_other(path: str, **headers: str) -> Response[bytes]:
    """Has the browser go to `path` (303): after a form, going back or loading again sends nothing twice."""
    return Response(
        b"",
        status_code=303,
        media_type="text/plain",
        headers={"location": path, "cache-control": "no-store", **headers},
    )
