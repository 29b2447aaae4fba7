"""The settings, each with the prefix `BULK_ACTIVATE_`.

Order: flag, environment, the file that `BULK_ACTIVATE_ENV_FILE` names, file in `BULK_ACTIVATE_SECRETS_DIR`,
default. No `.env` is read unless named. An unknown name or a bad value stops the program with one line that
names it; secrets appear neither in that line nor in any `repr`.
"""

from worker.settings.field_types import MAX_RATE, NO_PROXY
from worker.settings.loading import load
from worker.settings.model import LOOPBACK, Settings
from worker.settings.names import CA_FILE, CREDENTIAL, PREFIX, PROXY_URL, SECRETS

__all__ = [
    "CA_FILE",
    "CREDENTIAL",
    "LOOPBACK",
    "MAX_RATE",
    "NO_PROXY",
    "PREFIX",
    "PROXY_URL",
    "SECRETS",
    "Settings",
    "load",
]
