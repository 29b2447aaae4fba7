"""Signing in with a key, which is taken once, and signing out."""

import re
from typing import Any, Final

from litestar import Response, get, post

from producers.web.api import AnyRequest, api_of
from producers.web.browsers import is_same_origin, session_cookie, session_name
from producers.web.keys import Key, OneKey
from producers.web.page.forms import fields_of
from producers.web.page.rendering import page, see_other
from producers.web.problems import Code, ProblemError

_PLACES: Final = re.compile(r"/(?:new|jobs/[0-9A-Za-z_-]{1,64})?")
"""Where signing in may lead."""
_NO_KEY: Final = "This key does not hold. Mind that it is whole: it begins with bulk_ and has 48 characters."


@get("/sign-in", include_in_schema=False)
async def show_sign_in(request: AnyRequest) -> Response[str]:
    return page(request, "sign_in", next=_place(request.query_params.get("next")), error="")


@post("/sign-in", include_in_schema=False)
async def sign_in(request: AnyRequest) -> Response[Any]:
    if not is_same_origin(request.scope):
        raise ProblemError(Code.FORBIDDEN, "the form does not come from this server: sign in on its own page")
    fields = await fields_of(request)
    place = _place(fields.get("next"))
    key = api_of(request).keys.find(fields.get("key", "").encode())
    if key is None:
        return page(request, "sign_in", 401, next=place, error=_NO_KEY)
    return _with_session(request, key, place)


async def sign_in_by_address(request: AnyRequest) -> Response[Any]:
    """Takes the key in the printed address, and has the browser forget that address."""
    keys = api_of(request).keys
    # A key that is used for longer has no business in addresses, which are logged on the way.
    key = keys.find(request.query_params["key"].encode()) if isinstance(keys, OneKey) else None
    return see_other("/sign-in") if key is None else _with_session(request, key, "/")


@post("/sign-out", include_in_schema=False)
async def sign_out(request: AnyRequest) -> Response[Any]:
    api_of(request).sessions.end(session_name(request.scope))
    return see_other("/sign-in", **{"set-cookie": session_cookie(request.scope, "")})


def _with_session(request: AnyRequest, key: Key, place: str) -> Response[Any]:
    sessions = api_of(request).sessions
    sessions.end(session_name(request.scope))
    cookie = session_cookie(request.scope, sessions.begin(key))
    return see_other(place, **{"set-cookie": cookie, "referrer-policy": "no-referrer"})


def _place(wanted: str | None) -> str:
    """`wanted`, if it is a page of ours."""
    return wanted if wanted is not None and _PLACES.fullmatch(wanted) else "/"
