"""What is particular to browsers: the cookie, whether they speak TLS, and where a request comes from."""

from typing import Any, Final

from producers.web.sessions import LIFE

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def field_of(scope: Any, name: bytes) -> bytes:
    """The only field of that name; empty where there is none or more than one."""
    found = [value for field, value in scope["headers"] if field == name]
    return bytes(found[0]) if len(found) == 1 else b""


def is_secure(scope: Any) -> bool:
    """Whether the browser speaks TLS, with a proxy before this server.

    `X-Forwarded-Proto` is believed from anybody: no page can have a browser send it elsewhere, and who sends
    it with an own request changes the own cookie.
    """
    return bool(scope["scheme"] == "https" or field_of(scope, b"x-forwarded-proto").lower() == b"https")


def is_same_origin(scope: Any) -> bool:
    """Whether a page of this server caused the request: `Origin` has its scheme, name and port.

    A token in each form would add nothing: every browser of today sends `Origin` with a POST, none lets a
    page change it, and a request without it is none of a page of ours.
    """
    scheme = "https" if is_secure(scope) else "http"
    host = field_of(scope, b"host").decode("latin-1").lower().removesuffix(_DEFAULT_PORTS[scheme])
    return bool(host) and field_of(scope, b"origin").decode("latin-1").lower() == f"{scheme}://{host}"


def wants_page(scope: Any) -> bool:
    """Whether a person looks at the answer: a browser asks for HTML, and programs for the API."""
    return b"text/html" in field_of(scope, b"accept") and not scope["path"].startswith("/api/")


def session_name(scope: Any) -> str:
    """The session that the cookie names; empty without one."""
    wanted = _cookie_name(scope)
    for pair in field_of(scope, b"cookie").decode("latin-1").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == wanted:
            return value
    return ""


def session_cookie(scope: Any, session: str) -> str:
    """The field that has the browser keep the session; without a session, forget it."""
    secure = "; Secure" if is_secure(scope) else ""
    life = LIFE if session else 0
    return f"{_cookie_name(scope)}={session}; Path=/; Max-Age={life}; HttpOnly; SameSite=Strict{secure}"


def _cookie_name(scope: Any) -> str:
    """With TLS, one that no other host of the domain can set; else one of the port, as cookies know none."""
    if is_secure(scope):
        return "__Host-bulk_activate"
    port = field_of(scope, b"host").decode("latin-1").rpartition(":")[2]
    return f"bulk_activate_{port}" if port.isdigit() else "bulk_activate"
