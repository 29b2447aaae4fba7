"""The settings, their defaults and what the program asks of them."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import ByteSize, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker.core.answers.meaning import DEFAULT_ALREADY_ACTIVE, compile_already_active
from worker.core.errors import BadSettingError
from worker.core.rate.rate_config import RateConfig
from worker.core.retrying.policy import Policy
from worker.core.scope import Scope
from worker.settings.field_types import (
    MAX_RATE,
    ApiUrl,
    Hosts,
    LongSeconds,
    OrgId,
    OrgIds,
    Patterns,
    Port,
    ProxyUrl,
    Rate,
    RedisUrl,
    Seconds,
    Token,
    TracesUrl,
)
from worker.settings.names import PREFIX, SECRETS

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Settings(BaseSettings):
    """All settings; `producers/README.md` says what each means."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",  # `load` refuses unknown names with a better message.
        frozen=True,
        hide_input_in_errors=True,
    )

    redis_url: RedisUrl = "redis://127.0.0.1:6379/0"
    api_url: ApiUrl = "https://console.cloud.vmware.com"
    allow_plain_http: bool = False
    proxy_url: ProxyUrl | None = None
    ca_file: Path | None = None
    org_id: OrgId | None = None
    orgs: OrgIds = None
    api_token: Token | None = None
    credentials_dir: Path | None = None
    access_token: Token | None = None
    rate: Rate = "auto"
    rate_start: Annotated[float, Field(gt=0, le=MAX_RATE)] = 10.0
    rate_max: Annotated[float, Field(gt=0, le=MAX_RATE)] = 100.0
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 32
    request_timeout: Seconds = 30.0
    connect_timeout: Seconds = 5.0
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    already_active: Patterns = DEFAULT_ALREADY_ACTIVE
    retention: LongSeconds = 30 * 86400.0
    state_dir: Path | None = Field(default_factory=lambda: _default_state_dir(os.environ))
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    heartbeat_file: Path | None = None
    metrics_port: Port | None = None
    metrics_address: str = "127.0.0.1"
    serve_keys_file: Path | None = None
    serve_hosts: Hosts = None
    serve_max_upload: Annotated[ByteSize, Field(gt=0)] = ByteSize(2 * 1024**3)
    serve_upload_timeout: Seconds = 3600.0
    serve_metrics_port: Port | None = None
    traces_url: TracesUrl = None
    secrets_dir: Path | None = None
    env_file: Path | None = None

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
        paths = {*files, "state_dir"}
        return self.model_dump(mode="json", exclude={*SECRETS, *paths})


def _default_state_dir(environment: Mapping[str, str]) -> Path | None:
    """The XDG base directory for state (XDG Base Directory Specification 0.8), also on macOS.

    None for a user without a home, as in containers: most commands need no state.
    """
    home = environment.get("XDG_STATE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".local" / "state") / "bulk-activate"
    except RuntimeError:
        return None
