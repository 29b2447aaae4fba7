"""Messages about answers that did not come from the API: where they came from, if known, and what to do."""

from http import HTTPStatus
from typing import Final

from worker.core.reason import Reason
from worker.core.redact import redact

NOT_THE_API: Final = "NOT_THE_API"

_LONGEST_PATH: Final = 80
"""Maximum length of a path in a message, in characters."""

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
    """The reason for an answer that did not come from the API.

    `host` and `location`: target of a redirect. It is shown, and never followed, since it would get the
    credential.
    """
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
    # Only the path is shown: the query may contain a session's id.
    path = redact(location.partition("?")[0].partition("#")[0])
    if not path.startswith("/") or path.startswith("//"):
        return f"the API redirects (HTTP {status}) to what is no address: check BULK_ACTIVATE_API_URL"
    return (
        f"the API redirects (HTTP {status}) to the path {path[:_LONGEST_PATH]}, such as a login page's:"
        " check BULK_ACTIVATE_API_URL"
    )
