"""REDIS_URL, read: one server (`redis://`, `rediss://`, `unix://`), or the sentinels that know which it is.

    rediss://USER:PASSWORD@HOST:6379/0?ssl_ca_certs=FILE
    sentinel://USER:PASSWORD@HOST:26379,HOST:26379,HOST:26379/0?master=NAME

User and password are the server's; sentinels are asked without. What would weaken TLS is no option here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, unquote

from worker.core.url import ESCAPE, shown_url, split_url

TLS_FILES: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
"""The authorities that may sign the server's certificate, in place of the system's; a client's own."""

_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "redis": frozenset({"db"}),
    "rediss": frozenset({"db", *TLS_FILES}),
    "unix": frozenset({"db"}),
    "sentinel": frozenset({"master"}),
}
_TELLING: Final = re.compile(r"ssl_[a-z_]{1,30}|db|master")
SENTINEL_PORT: Final = 26379


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    scheme: str
    user: str | None
    password: str | None
    hosts: tuple[tuple[str, int | None], ...]
    """More than one are sentinels'; none is a socket's."""
    path: str
    """Path of the unix socket; empty for a host."""
    db: int
    options: Mapping[str, str]


def parse_address(url: str) -> Address:
    """Raises `ValueError` that says what is expected, and never shows the URL: it can hold a password."""
    scheme, _, rest = url.partition("://")
    if "cluster" in scheme:
        raise ValueError(
            "must not be a Redis Cluster, which Celery's transport cannot use: name one server, or sentinels"
        )
    if scheme not in _OPTIONS:
        raise ValueError("must begin with redis://, rediss://, unix:// or sentinel://")
    parts = split_url(f"//{rest}")
    if "#" in rest:
        raise ValueError(f"must have no #: {ESCAPE}")
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    options = dict(parse_qsl(parts.query))
    for name in options:
        if name not in _OPTIONS[scheme]:
            known = ", ".join(sorted(_OPTIONS[scheme]))
            # What is no name of an option could be a part of a password.
            named = f" {name!r}" if _TELLING.fullmatch(name) else ""
            raise ValueError(
                f"must have no option{named}: with {scheme}:// expected {known};"
                " a certificate is always checked, as is the host that it names"
            )
    if scheme == "sentinel" and not options.get("master"):
        raise ValueError("must name what the sentinels watch: sentinel://HOST:26379/0?master=NAME")
    socket = unquote(parts.path) if scheme == "unix" else ""
    if scheme == "unix" and (hosts or not socket):
        raise ValueError("must be unix:///PATH, or unix://USER:PASSWORD@/PATH")
    return Address(
        scheme,
        unquote(user) or None,
        unquote(password) or None,
        () if socket else tuple(map(_host, hosts.split(","))),
        socket,
        _db(options.get("db") or ("" if socket else parts.path.strip("/"))),
        options,
    )


def shown_address(url: str) -> str:
    """`url` for a message: no user, password or option."""
    try:
        address = parse_address(url)
    except ValueError:
        return shown_url(url)
    return f"unix://{address.path}" if address.scheme == "unix" else f"{shown_url(url)}/{address.db}"


def sentinels_of(address: Address) -> list[tuple[str, int]]:
    return [(host, port or SENTINEL_PORT) for host, port in address.hosts]


def unprotected(address: Address) -> tuple[str, ...]:
    """Protections that the connection to a server on another machine lacks; none are needed here."""
    if all(_is_loopback(host) for host, _ in address.hosts):
        return ()
    known = address.password is not None or "ssl_certfile" in address.options
    return ("a password",) * (not known) + ("TLS",) * (address.scheme != "rediss")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _host(host_port: str) -> tuple[str, int | None]:
    host, _, port = (
        host_port.rpartition(":") if not host_port.endswith("]") and ":" in host_port else (host_port, "", "")
    )
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port) <= 65535):  # noqa: PLR2004 -- TCP.
        # What is found could be a password without its host.
        raise ValueError("must have a port from 1 to 65535 after each host, or none")
    return host.strip("[]"), int(port) if port else None


def _db(text: str) -> int:
    if text and not (text.isascii() and text.isdecimal()):
        raise ValueError("must name the database by its number, as in redis://HOST:6379/0")
    return int(text or 0)
