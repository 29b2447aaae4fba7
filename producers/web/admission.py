"""Who comes in: requests that name this server as their host, with a key that holds or for what needs none.

A key comes as `Authorization: Bearer KEY`, or by the cookie of a session; what changes something by cookie
comes from a page of this server, by its `Origin`.
"""

from collections.abc import Collection
from typing import Any, Final

from producers.web.browsers import READING, field_of, is_same_origin, session_name
from producers.web.keys import Key, Keys
from producers.web.problems import Code, ProblemError
from producers.web.sessions import Sessions

PROBES: Final = frozenset({"/healthz", "/readyz"})
"""Asked by probes, which have no key and name an address."""
SIGN_IN: Final = "/sign-in"
OPEN: Final = PROBES | {"/api/v1/openapi.json", "/api/docs", SIGN_IN}
"""Paths that need no key: they show nothing that is not in the source."""
ASSETS: Final = "/assets/"
"""What the paths of the page's files begin with."""


class Admission:
    def __init__(self, keys: Keys, sessions: Sessions, hosts: Collection[str]) -> None:
        """`hosts`: the names that requests may call the server, without ports; in lower case."""
        self._keys = keys
        self._sessions = sessions
        self._hosts = hosts

    def key_of(self, scope: Any) -> Key | None:
        """The key of the request; None where it needs none. Raises `ProblemError`."""
        path = scope["path"]
        if path not in PROBES and _host_of(field_of(scope, b"host")) not in self._hosts:
            raise ProblemError(Code.BAD_INPUT, "this Host is not one of the server's (SERVE_HOSTS)")
        if path in OPEN or path.startswith(ASSETS) or _is_printed(scope):
            return None
        scheme, _, secret = field_of(scope, b"authorization").partition(b" ")
        if scheme:
            key = self._keys.find(secret.strip()) if scheme.lower() == b"bearer" else None
            expected = "expected `Authorization: Bearer KEY`, with a key that holds"
        else:
            key = self._signed_in(scope)
            expected = "expected `Authorization: Bearer KEY`, or the cookie of a session that has not ended"
        if key is None:
            raise ProblemError(Code.UNAUTHENTICATED, expected)
        return key

    def _signed_in(self, scope: Any) -> Key | None:
        """The key of the session; None without one. Raises `ProblemError` for a change from elsewhere."""
        found = self._sessions.find(session_name(scope))
        if found is None:
            return None
        if scope["method"] not in READING and not is_same_origin(scope):
            raise ProblemError(
                Code.FORBIDDEN,
                "the Origin of this request is not this server: a proxy before it has to pass Host as it"
                " comes, port and all, and X-Forwarded-Proto",
            )
        scope["auth"] = found.session
        return found.key


def _is_printed(scope: Any) -> bool:
    """Whether it is the address that is printed where there is no keys file: the page takes its key."""
    return bool(scope["path"] == "/" and scope["query_string"].startswith(b"key="))


def _host_of(field: bytes) -> str:
    """The host of a `Host` field, in lower case, without the port."""
    text = field.decode("latin-1").lower()
    host, colon, port = text.rpartition(":")
    return host if colon and (port.isdigit() or not port) and not host.endswith(":") else text
