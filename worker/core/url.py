"""Parses and shows URLs that may contain a password, without revealing any of it.

If `/`, `?`, `#`, `[` or `@` in a password is not percent-encoded, a parser takes a part of the password for
the host, the port or the path. So nothing is quoted of an ambiguous URL, nor are the messages of Python's
parser passed on, which quote parts of it.
"""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}")
_HOSTS: Final = re.compile(r"(?:(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:,(?!$)|$))+")
ESCAPE: Final = (
    "write / as %2F, ? as %3F, # as %23, @ as %40 and [ as %5B in a user, password, path or option"
)


def split_url(url: str) -> SplitResult:
    """Splits `url`, making sure that user and password are in `netloc` only.

    Raises `ValueError`, which quotes nothing of the URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"must be a URL: {ESCAPE}") from None
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(f"must have no @ behind the host: {ESCAPE}")
    return parts


def port_of(parts: SplitResult) -> int | None:
    """The port; None if there is none. Raises `ValueError` for an invalid one, without quoting it."""
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("must have a port from 1 to 65535 after the host, or none")
    return port


def require_host(parts: SplitResult) -> None:
    """Raises `ValueError` unless exactly one valid host is given; the user is not checked."""
    hosts = parts.netloc.rpartition("@")[2]
    if not parts.hostname or "," in hosts or not _HOSTS.fullmatch(hosts):
        raise ValueError("must name one host, by its name or address")


def require_plain(url: str) -> None:
    """Raises `ValueError` for characters that Python's parser silently removes, or leaves in the host."""
    if not url.isprintable() or any(map(str.isspace, url)):
        raise ValueError("must have no blank, line break or other character that is not seen")


def shown_url(url: str) -> str:
    """Scheme, host and port of `url` for a message, without user, path and query; only the scheme if the URL
    is ambiguous.
    """
    scheme = url.partition("://")[0]
    scheme = scheme if _SCHEME.fullmatch(scheme) else "..."
    try:
        hosts = split_url(url).netloc.rpartition("@")[2]
    except ValueError:
        hosts = ""
    return f"{scheme}://{hosts if _HOSTS.fullmatch(hosts) else '...'}"
