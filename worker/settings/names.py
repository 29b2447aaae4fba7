"""The names that messages call settings by, and which settings are secrets."""

from typing import Final

PREFIX: Final = "BULK_ACTIVATE_"
ENV_FILE: Final = f"{PREFIX}ENV_FILE"
SECRETS_DIR: Final = f"{PREFIX}SECRETS_DIR"
PROXY_URL: Final = f"{PREFIX}PROXY_URL"
CA_FILE: Final = f"{PREFIX}CA_FILE"

SECRETS: Final = frozenset({"redis_url", "traces_url", "proxy_url", "api_token", "access_token"})
"""Fields that are secrets or may contain one."""

CREDENTIAL: Final = frozenset({"api_token", "access_token"})
"""Fields that only a process that calls the API needs."""
