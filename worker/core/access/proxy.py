"""Selects the proxy to the API by the rules of curl for environment variables (curl(1), ENVIRONMENT).

- `https_proxy` for an https API, `http_proxy` for an http one, else `all_proxy`. Lower case comes before
  upper; `HTTP_PROXY` is not read, since a CGI server sets it from a request's header `Proxy`.
- An empty variable counts as unset. The default scheme of a proxy is http, its default port 1080, or 443 for
  https.
- `no_proxy`: hosts, domains, addresses and networks, separated by commas. `example.com` and `.example.com`
both
  mean the host and its subdomains; `*` alone means every host. Names are not resolved.
- Beyond curl, as in Python and Go: `example.com:8443` means this port only.

As in curl, loopback addresses use the proxy too, unless `no_proxy` lists them.
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
    """Scheme, host and port, without user and password; safe to show."""
    source: str
    """Name of the variable that it was read from."""
    authorization: str | None = field(default=None, repr=False)
    """Value of the header `Proxy-Authorization` (RFC 7617); secret."""

    @property
    def is_tls(self) -> bool:
        return self.url.startswith("https:")

    def __str__(self) -> str:
        return f"{self.url} ({self.source})"


def parse_proxy(text: str, source: str) -> Proxy:
    """Parses the URL of a proxy, read from the variable `source`.

    Raises `ValueError`, which quotes nothing of `text`, since that can contain a password.
    """
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
    """The proxy for `api_url`; None for a direct connection.

    Raises `ValueError` with the name of the variable and nothing of its value.
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
    """Whether `no_proxy` excludes `host` (a name, or an address without brackets) from the proxy."""
    if no_proxy.strip() == "*":
        return True
    for entry in no_proxy.split(","):
        words = entry.split()
        if words and _covers(words[0], host.lower(), port):
            return True
        if len(words) > 1:
            break  # As in curl, a blank does not separate entries but ends the list.
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
