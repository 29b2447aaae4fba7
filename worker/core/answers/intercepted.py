"""What to tell a person of an answer that is not the API's: who gave it, if that shows, and what to do."""

from http import HTTPStatus
from typing import Final

from worker.core.reason import Reason
from worker.core.redact import redact

NOT_THE_API: Final = "NOT_THE_API"

_LONGEST_PATH: Final = 80
"""Characters."""

_TOLD: Final[dict[int, tuple[str, str]]] = {
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: (
        "PROXY_AUTHENTICATION",
        "the proxy between here and the API asks for a user name and password (HTTP 407)",
    ),
    HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED: (
        "NETWORK_SIGN_IN",
        "the network asks for a sign-in before it lets anything through to the API (HTTP 511)",
    ),
}


def interception(status: int, host: str | None, location: str, body: bytes) -> Reason:
    """`host` and `location` are where a redirect leads to: told, never followed."""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Reason("REDIRECTED", _redirect(status, host, location), status)
    if status in _TOLD:
        name, message = _TOLD[status]
        return Reason(name, message, status)
    form = "as text" if body.strip() else "with nothing"
    return Reason(
        NOT_THE_API,
        f"something between here and the API answered {status} {form}, not the API:"
        " check BULK_ACTIVATE_API_URL, and what stands in between",
        status,
    )


def _redirect(status: int, host: str | None, location: str) -> str:
    if host is not None:
        return f"the API redirects to {host}: set BULK_ACTIVATE_API_URL"
    # Of a path alone. What follows it may be of a session.
    path = redact(location.partition("?")[0].partition("#")[0])
    if not path.startswith("/") or path.startswith("//"):
        return f"the API redirects (HTTP {status}) to what is no address: check BULK_ACTIVATE_API_URL"
    return (
        f"the API redirects (HTTP {status}) to the path {path[:_LONGEST_PATH]}, such as a login page's:"
        " check BULK_ACTIVATE_API_URL"
    )
