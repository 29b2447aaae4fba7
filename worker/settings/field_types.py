"""The types of settings that pydantic has none for: how their text is read, and what it may be."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from worker.core.access.proxy import parse_proxy
from worker.core.access.token_text import clean_token
from worker.core.answers.meaning import compile_already_active
from worker.core.duration import parse_duration
from worker.core.errors import BadInputError
from worker.core.ids import is_org_id
from worker.core.url import port_of, require_host, require_plain, split_url
from worker.settings.names import PROXY_URL
from worker.store.address import TLS_FILES, parse_address

NO_PROXY: Final = "none"
"""Value of `PROXY_URL` for no proxy, whatever the environment says."""

MAX_RATE: Final = 100_000
"""Requests per second, at most."""

_HOST: Final = re.compile(r"[0-9a-z._-]+|\[[0-9a-f:.]+\]")
"""A host as it stands in a URL, in lower case."""


def _duration(value: Any) -> Any:
    try:
        return parse_duration(value) if isinstance(value, str) else value
    except BadInputError as error:
        raise ValueError(str(error)) from None


def _rate(value: Any) -> Any:
    if value == "auto":
        return value
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = 0.0
    if not 0 < rate <= MAX_RATE:
        raise ValueError(f"must be 'auto', or requests per second, more than 0, at most {MAX_RATE:,}")
    return rate


def _orgs(value: Any) -> Any:
    if isinstance(value, str):
        # Empty entries are kept, and refused as ids: a stray comma must not admit every organization.
        return tuple(org_id.strip().lower() for org_id in value.split(","))
    return value


def _hosts(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(host.strip().lower() for host in value.split(","))
    return value


def _lines(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(line.strip() for line in value.splitlines() if line.strip())
    return value


def _redis_url(url: str) -> str:
    options = parse_address(url).options
    for name in TLS_FILES:
        if name in options and not Path(options[name]).is_file():
            raise ValueError(f"names a file that is not there: {name}={options[name]}")
    return url


def _api_url(url: str) -> str:
    require_plain(url)
    parts = split_url(url)
    port_of(parts)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be https://HOST, the scheme and host of the API")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be scheme and host alone, without path, query or user")
    require_host(parts)
    # Normalized, since jobs and rate budgets are bound to this text.
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in {None, default} else "")


def _proxy_url(url: SecretStr) -> SecretStr:
    if url.get_secret_value().strip().lower() != NO_PROXY:
        try:
            parse_proxy(url.get_secret_value().strip(), PROXY_URL)
        except ValueError as error:
            raise ValueError(f"{error}; {NO_PROXY!r} is the direct way") from None
    return url


def _token(token: SecretStr) -> SecretStr:
    try:
        # An empty one, as of an empty file, is the same as none.
        return SecretStr(clean_token(token.get_secret_value())) if token else token
    except ValueError as error:
        raise ValueError(f"{error}: set it to the token alone") from None


def _traces_url(url: str | None) -> str | None:
    # Checked here, since a library would quote an unreadable URL, which may hold a secret.
    if url is not None:
        port_of(split_url(url))
    return url


def _org_id(org_id: str) -> str:
    if not is_org_id(org_id):
        raise ValueError("must be an organization's id, a GUID")
    return org_id


def _are_org_ids(orgs: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for number, org_id in enumerate(orgs or (), 1):
        if not is_org_id(org_id):
            raise ValueError(f"must be ids of organizations, GUIDs, comma between; number {number} is not")
    return orgs


def _are_hosts(hosts: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if not all(map(_HOST.fullmatch, hosts or ())):
        raise ValueError("must be names of hosts, comma between, without ports")
    return hosts


def _patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    try:
        compile_already_active(patterns)
    except re.error as error:
        raise ValueError(f"must be regular expressions, one a line: {error}") from error
    return patterns


Seconds = Annotated[float, Field(gt=0, le=3600), BeforeValidator(_duration)]
"""At most an hour."""
LongSeconds = Annotated[float, Field(gt=0), BeforeValidator(_duration)]
Rate = Annotated[Literal["auto"] | float, BeforeValidator(_rate)]
"""Requests per second."""
RedisUrl = Annotated[str, Field(repr=False), AfterValidator(_redis_url)]
ApiUrl = Annotated[str, AfterValidator(_api_url)]
ProxyUrl = Annotated[SecretStr, AfterValidator(_proxy_url)]
TracesUrl = Annotated[
    str | None, Field(repr=False, pattern=r"^https?://[^/\s]+/\S+$"), AfterValidator(_traces_url)
]
Token = Annotated[SecretStr, AfterValidator(_token)]
OrgId = Annotated[str, AfterValidator(_org_id)]
OrgIds = Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_orgs), AfterValidator(_are_org_ids)]
Hosts = Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_hosts), AfterValidator(_are_hosts)]
Patterns = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_lines), AfterValidator(_patterns)]
"""Regular expressions, one a line."""
Port = Annotated[int, Field(ge=1, le=65535)]
