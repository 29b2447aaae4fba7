"""The settings, each with the prefix `BULK_ACTIVATE_`.

Order: flag, environment, the file that `BULK_ACTIVATE_ENV_FILE` names, file in `BULK_ACTIVATE_SECRETS_DIR`,
default. No `.env` is read unless named. An unknown name or a bad value stops the program with one line that
names it; secrets appear neither in that line nor in any `repr`.
"""

import os
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ByteSize, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from worker.core.access.proxy import parse_proxy
from worker.core.access.token_text import clean_token
from worker.core.answers.meaning import DEFAULT_ALREADY_ACTIVE, compile_already_active
from worker.core.duration import parse_duration
from worker.core.errors import BadInputError, BadSettingError
from worker.core.ids import is_org_id
from worker.core.rate.rate_config import RateConfig
from worker.core.retrying.policy import Policy
from worker.core.scope import Scope
from worker.core.url import port_of, require_host, require_plain, split_url
from worker.settings.env_file import read_env_file
from worker.settings.secrets_dir import read_secrets_dir
from worker.store.address import TLS_FILES, parse_address

PREFIX: Final = "BULK_ACTIVATE_"
_ENV_FILE: Final = f"{PREFIX}ENV_FILE"
_SECRETS_DIR: Final = f"{PREFIX}SECRETS_DIR"
SECRETS: Final = frozenset({"redis_url", "traces_url", "proxy_url", "api_token", "access_token"})
"""Fields that are secrets or may contain one."""

CREDENTIAL: Final = frozenset({"api_token", "access_token"})
"""What only those need who call the API."""

PROXY_URL: Final = f"{PREFIX}PROXY_URL"
CA_FILE: Final = f"{PREFIX}CA_FILE"
NO_PROXY: Final = "none"
"""Value of `PROXY_URL` for no proxy, whatever the environment says."""

MAX_RATE: Final = 100_000
"""Requests per second, at most."""
_HOST: Final = re.compile(r"[0-9a-z._-]+|\[[0-9a-f:.]+\]")
"""A host as it stands in a URL, in lower case."""
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


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


Seconds = Annotated[float, Field(gt=0, le=3600), BeforeValidator(_duration)]


class Settings(BaseSettings):
    """All settings; `producers/README.md` says what each means."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",  # `load` refuses unknown names with a better message.
        frozen=True,
        hide_input_in_errors=True,
    )

    redis_url: Annotated[str, Field(repr=False)] = "redis://127.0.0.1:6379/0"
    api_url: str = "https://console.cloud.vmware.com"
    allow_plain_http: bool = False
    proxy_url: SecretStr | None = None
    ca_file: Path | None = None
    org_id: str | None = None
    orgs: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_orgs)] = None
    api_token: SecretStr | None = None
    credentials_dir: Path | None = None
    access_token: SecretStr | None = None
    rate: Annotated[Literal["auto"] | float, BeforeValidator(_rate)] = "auto"
    rate_start: Annotated[float, Field(gt=0, le=MAX_RATE)] = 10.0
    rate_max: Annotated[float, Field(gt=0, le=MAX_RATE)] = 100.0
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 32
    request_timeout: Seconds = 30.0
    connect_timeout: Seconds = 5.0
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    already_active: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_lines)] = DEFAULT_ALREADY_ACTIVE
    retention: Annotated[float, Field(gt=0), BeforeValidator(_duration)] = 30 * 86400.0
    state_dir: Path | None = Field(default_factory=lambda: _default_state_dir(os.environ))
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    heartbeat_file: Path | None = None
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    metrics_address: str = "127.0.0.1"
    serve_keys_file: Path | None = None
    serve_hosts: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_hosts)] = None
    serve_max_upload: Annotated[ByteSize, Field(gt=0)] = ByteSize(2 * 1024**3)
    serve_upload_timeout: Seconds = 3600.0
    serve_metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    traces_url: Annotated[str | None, Field(repr=False, pattern=r"^https?://[^/\s]+/\S+$")] = None
    secrets_dir: Path | None = None
    env_file: Path | None = None

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, url: str) -> str:
        options = parse_address(url).options
        for name in TLS_FILES:
            if name in options and not Path(options[name]).is_file():
                raise ValueError(f"names a file that is not there: {name}={options[name]}")
        return url

    @field_validator("api_url")
    @classmethod
    def _api_url(cls, url: str) -> str:
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

    @field_validator("proxy_url")
    @classmethod
    def _proxy_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and url.get_secret_value().strip().lower() != NO_PROXY:
            try:
                parse_proxy(url.get_secret_value().strip(), PROXY_URL)
            except ValueError as error:
                raise ValueError(f"{error}; {NO_PROXY!r} is the direct way") from None
        return url

    @field_validator("api_token", "access_token")
    @classmethod
    def _token(cls, token: SecretStr | None) -> SecretStr | None:
        try:
            return token and SecretStr(clean_token(token.get_secret_value()))
        except ValueError as error:
            raise ValueError(f"{error}: set it to the token alone") from None

    @field_validator("traces_url")
    @classmethod
    def _traces_url(cls, url: str | None) -> str | None:
        # Checked here, since a library would quote an unreadable URL, which may hold a secret.
        if url is not None:
            port_of(split_url(url))
        return url

    @field_validator("org_id")
    @classmethod
    def _org_id(cls, org_id: str | None) -> str | None:
        if org_id is not None and not is_org_id(org_id):
            raise ValueError("must be an organization's id, a GUID")
        return org_id

    @field_validator("orgs")
    @classmethod
    def _are_org_ids(cls, orgs: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for number, org_id in enumerate(orgs or (), 1):
            if not is_org_id(org_id):
                raise ValueError(
                    f"must be ids of organizations, GUIDs, comma between; number {number} is not"
                )
        return orgs

    @field_validator("serve_hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if not all(map(_HOST.fullmatch, hosts or ())):
            raise ValueError("must be names of hosts, comma between, without ports")
        return hosts

    @field_validator("already_active")
    @classmethod
    def _patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        try:
            compile_already_active(patterns)
        except re.error as error:
            raise ValueError(f"must be regular expressions, one a line: {error}") from error
        return patterns

    def model_post_init(self, _context: Any, /) -> None:
        parts = urlsplit(self.api_url)
        if parts.scheme == "http" and parts.hostname not in LOOPBACK and not self.allow_plain_http:
            raise BadSettingError(
                f"{PREFIX}API_URL is plain http to {parts.hostname}: use https, or, knowing that"
                f" tokens then cross the network in clear, set {PREFIX}ALLOW_PLAIN_HTTP=true"
            )

    @cached_property
    def policy(self) -> Policy:
        return Policy(self.max_attempts, compile_already_active(self.already_active))

    @property
    def api_host(self) -> str:
        return urlsplit(self.api_url).netloc

    def scope(self, job_id: str | None = None) -> Scope:
        """The jobs that a worker with these settings serves; only `job_id` if given."""
        return Scope(self.api_url, frozenset(self.orgs or ()), job_id)

    @property
    def rate_config(self) -> RateConfig:
        """The settings of the rate."""
        return RateConfig(None if self.rate == "auto" else self.rate, self.rate_start, self.rate_max)

    def require_credential(self) -> None:
        """Raises `BadSettingError` if there is no credential for any organization."""
        if not (self.api_token or self.access_token or self.credentials_dir):
            raise BadSettingError(
                f"no credential: set {PREFIX}API_TOKEN to an API token of an organization owner"
                f" (or {PREFIX}CREDENTIALS_DIR, or {PREFIX}ACCESS_TOKEN for a short run)"
            )

    def require_state_dir(self) -> Path:
        """The folder where `run` keeps its jobs. Raises `BadSettingError` if there is none."""
        if self.state_dir is None:
            raise BadSettingError(
                f"no folder for the jobs of `run`: user {os.getuid()} has no home: set {PREFIX}STATE_DIR"
            )
        return self.state_dir

    def public(self) -> dict[str, Any]:
        """The settings without secrets, URLs that may contain one, and paths."""
        files = {"secrets_dir", "env_file", "credentials_dir", "heartbeat_file", "ca_file", "serve_keys_file"}
        places = {*files, "state_dir"}
        return self.model_dump(mode="json", exclude={*SECRETS, *places})


def load(*, credential: bool = True, **flags: Any) -> Settings:
    """Loads the settings; `flags` that are None were not given. Raises `BadSettingError`.

    `credential`: whether the tokens are needed. Otherwise they are not read, and cannot be at fault.
    """
    environment = {name.upper(): value for name, value in os.environ.items() if value}
    _refuse_unknown(os.environ, "the environment")
    env_file = environment.get(_ENV_FILE)
    from_file = {} if env_file is None else _from_file(Path(env_file), environment)
    secrets_dir = environment.get(_SECRETS_DIR) or from_file.get("secrets_dir")
    withheld = frozenset() if credential else CREDENTIAL
    secrets: dict[str, str] = {}
    if secrets_dir is not None:
        fields = {
            name
            for name in Settings.model_fields.keys() - withheld
            if PREFIX + name.upper() not in environment
        }
        secrets = read_secrets_dir(Path(secrets_dir), _SECRETS_DIR, fields, PREFIX)
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**{**secrets, **from_file, **given, **dict.fromkeys(withheld)})
    except ValidationError as error:
        raise BadSettingError(_explain(error, given, from_file)) from None
    except BadInputError as error:
        raise BadSettingError(str(error)) from None
    except OSError as error:
        # A setting names a file in a folder without search permission.
        raise BadSettingError(f"cannot read {error.filename} ({error.strerror}): correct its path") from None


def _from_file(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of the file that the environment does not set, by field name."""
    read = read_env_file(path, _ENV_FILE)
    _refuse_unknown(read, str(path))
    lines = {name.upper(): value for name, value in read.items() if value}
    if _ENV_FILE in lines:
        raise BadSettingError(f"{_ENV_FILE} in {path}: a file names no other: remove the line")
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in lines.items()
        if name.startswith(PREFIX) and name not in environment
    }


def _refuse_unknown(names: Iterable[str], where: str) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in names:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise BadSettingError(
                f"unknown setting {name} in {where}: correct its spelling or remove it"
                f" (known: {', '.join(sorted(known))})"
            )


def _explain(error: ValidationError, flags: Mapping[str, Any], from_file: Mapping[str, str]) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    shown = f"--{name.replace('_', '-')}" if name in flags else PREFIX + name.upper()
    if name in from_file and name not in flags:
        shown += f" in the file that {_ENV_FILE} names"
    return f"{shown}: {first['msg'].removeprefix('Value error, ')}"


def _default_state_dir(environment: Mapping[str, str]) -> Path | None:
    """The XDG base directory for state (XDG Base Directory Specification 0.8), also on macOS.

    None for a user without a home, as in containers: most commands need no state.
    """
    home = environment.get("XDG_STATE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".local" / "state") / "bulk-activate"
    except RuntimeError:
        return None
