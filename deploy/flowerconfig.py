"""Flower's settings: it shows and does nothing, asks for a password, and listens on this machine alone.

    FLOWER_BASIC_AUTH=user:password celery --workdir / -A worker flower --conf="$PWD/deploy/flowerconfig.py"

Several users are parted by commas. What this file says wins over FLOWER_ variables, and the command line
over both. Without a password for each user Flower does not start. Its `/metrics` and `/healthcheck` ask for
none; they hold names of workers and numbers. Its Redis user is `bulk-monitor` of redis/users.conf, which can
send workers nothing: what Flower would ask them (a worker's own page) stays empty.
"""

import os
import sys
from typing import Final

from worker.celery import app
from worker.monitoring.flower import SilentControl

_PRINTABLE: Final = {chr(code) for code in range(0x20, 0x7F)}


def _users(text: str) -> list[str]:
    """The USER:PASSWORD entries. Flower would let whoever sends an empty one in by an empty one."""
    entries = text.split(",")
    for number, entry in enumerate(entries, start=1):
        user, _, password = entry.partition(":")
        if not user or not password or entry != entry.strip() or not _PRINTABLE.issuperset(entry):
            sys.stderr.write(
                f"Flower needs a password: entry {number} of FLOWER_BASIC_AUTH is not user:password in"
                " printable ASCII; set FLOWER_BASIC_AUTH to user:password, then start it again\n"
            )
            # As the commands: what another start does not mend, for the unit's RestartPreventExitStatus.
            raise SystemExit(2)
    return entries


basic_auth = _users(os.environ.get("FLOWER_BASIC_AUTH", ""))
address = os.environ.get("FLOWER_ADDRESS", "127.0.0.1")
port = int(os.environ.get("FLOWER_PORT", "5555"))

# Neither the pages nor the HTTP API change anything: jobs are steered by `bulk-activate`.
read_only = True

# Workers send events by themselves, so Flower need tell them nothing; nor may its Redis user.
enable_events = False
app.control = SilentControl(app)

# What tells a job or slice, and how far it is (`result`), where a narrow window still shows it.
tasks_columns = "name,state,kwargs,result,uuid,received,runtime,worker"

# A slice of 2,880 ids is a task: so many stand for 20 million ids.
max_tasks = 10_000

# Workers have new names after each start; those that are gone for five minutes need no row.
purge_offline_workers = 300

# Rows of slices and jobs are drawn by workers as they go on, so nothing is written to a file.
persistent = False
