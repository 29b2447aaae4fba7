"""URLs that can hold a password, read and shown without any of it.

A password in which `/`, `?`, `#`, `[` or `@` is not percent-escaped moves what a parser takes for the host,
the path or the port into the password. So nothing is quoted of a URL that is not beyond doubt, and the
messages of Python's own parser, which quote, are not passed on.
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
    """The parts of `url`, of which no user and password can reach past where they belong.

    Raises `ValueError` that quotes nothing of it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"must be a URL: {ESCAPE}") from None
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(f"must have no @ behind the host: {ESCAPE}")
    return parts


def port_of(parts: SplitResult) -> int | None:
    """Raises `ValueError` that does not quote what stands there instead."""
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("must have a port from 1 to 65535 after the host, or none")
    return port


def require_host(parts: SplitResult) -> None:
    """Raises `ValueError` where no host, or more or less than one, is named; users are not looked at."""
    place = parts.netloc.rpartition("@")[2]
    if not parts.hostname or "," in place or not _HOSTS.fullmatch(place):
        raise ValueError("must name one host, by its name or address")


def require_plain(url: str) -> None:
    """Raises `ValueError` for what Python's parser would take out of `url` in silence, or leave in a name."""
    if not url.isprintable() or any(map(str.isspace, url)):
        raise ValueError("must have no blank, line break or other character that is not seen")


def shown_url(url: str) -> str:
    """`url` for a message: scheme, host and port, without user, path and query; no more than the scheme where
    it is not beyond doubt which is which.
    """
    scheme = url.partition("://")[0]
    scheme = scheme if _SCHEME.fullmatch(scheme) else "..."
    try:
        hosts = split_url(url).netloc.rpartition("@")[2]
    except ValueError:
        hosts = ""
    return f"{scheme}://{hosts if _HOSTS.fullmatch(hosts) else '...'}"
