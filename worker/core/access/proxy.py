"""Which proxy leads to the API, as curl reads the environment (curl(1), ENVIRONMENT).

- `https_proxy` for an https API, `http_proxy` for an http one, else `all_proxy`. Lower case comes before
  upper; `HTTP_PROXY` is not read, since a CGI server sets it from a request's header `Proxy`.
- An empty variable is as none. A proxy without a scheme is an http one; without a port it is 1080, or 443 for
  an https one.
- `no_proxy`: names of hosts and domains, addresses and networks, comma between. `example.com` and
  `.example.com` both mean the host and all below it; `*` alone means every host. Nothing is looked up.
- Beyond curl, as Python and Go: `example.com:8443` means that port alone.

Loopback is no exception, as in curl: name it in `no_proxy`.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit

from worker.core.url import ESCAPE, port_of, require_host, require_plain, split_url

_PORTS: Final = {"http": 1080, "https": 443}
_WITH_PORT: Final = re.compile(r"(?P<host>[^:]+|\[[^\]]+\]):(?P<port>[0-9]+)")
_EXPECTED: Final = "must be http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before HOST if need be"


@dataclass(frozen=True, slots=True)
class Proxy:
    url: str
    """Scheme, host and port. No user, no password: it may be shown."""
    source: str
    """The variable that names it."""
    authorization: str | None = field(default=None, repr=False)
    """The value of `Proxy-Authorization` (RFC 7617); a secret."""

    @property
    def is_tls(self) -> bool:
        return self.url.startswith("https:")

    def __str__(self) -> str:
        return f"{self.url} ({self.source})"


def parse_proxy(text: str, source: str) -> Proxy:
    """Raises `ValueError` that quotes nothing of `text`: it can hold a password."""
    require_plain(text)
    scheme, _, rest = text.rpartition("://")
    scheme = scheme.lower() or "http"
    if scheme.startswith("socks"):
        raise ValueError(f"is a SOCKS proxy, and only HTTP proxies can be used: it {_EXPECTED}")
    if scheme not in _PORTS:
        raise ValueError(_EXPECTED)
    parts = split_url(f"{scheme}://{rest}")
    port = port_of(parts) or _PORTS[scheme]
    login, at, _ = parts.netloc.rpartition("@")
    if not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"{_EXPECTED}; {ESCAPE}")
    require_host(parts)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Proxy(f"{scheme}://{host}:{port}", source, _basic(login) if at else None)


def proxy_of(environment: Mapping[str, str], api_url: str) -> Proxy | None:
    """The proxy that the environment names for `api_url`; None for the direct way.

    Raises `ValueError` that names the variable and shows nothing of its value.
    """
    parts = urlsplit(api_url)
    own = ("http_proxy",) if parts.scheme == "http" else ("https_proxy", "HTTPS_PROXY")
    source = _first(environment, (*own, "all_proxy", "ALL_PROXY"))
    if source is None:
        return None
    without = _first(environment, ("no_proxy", "NO_PROXY"))
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    if without is not None and bypasses(environment[without], parts.hostname or "", port):
        return None
    try:
        return parse_proxy(environment[source].strip(), source)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def bypasses(no_proxy: str, host: str, port: int) -> bool:
    """Whether `no_proxy` has `host`, a name or an address without brackets, reached without a proxy."""
    if no_proxy.strip() == "*":
        return True
    for entry in no_proxy.split(","):
        words = entry.split()
        if words and _covers(words[0], host.lower(), port):
            return True
        if len(words) > 1:
            break  # As curl: blanks are no separator, and end the list.
    return False


def _covers(entry: str, host: str, port: int) -> bool:
    if (found := _WITH_PORT.fullmatch(entry)) is not None:
        return int(found["port"]) == port and _covers(found["host"].strip("[]"), host, port)
    try:
        address = ip_address(host)
    except ValueError:
        name = entry.lower().removesuffix(".").removeprefix(".")
        host = host.removesuffix(".")
        return name != "" and (host == name or host.endswith(f".{name}"))
    try:
        return address in ip_network(entry, strict=False)
    except ValueError:
        return False


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if environment.get(name, "").strip()), None)


def _basic(login: str) -> str:
    user, _, password = login.partition(":")
    return "Basic " + b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
