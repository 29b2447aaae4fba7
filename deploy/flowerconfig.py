"""Flower's settings: it shows and does nothing, asks for a password, and listens on this machine alone.

    FLOWER_BASIC_AUTH=user:password celery --workdir / -A worker flower --conf="$PWD/deploy/flowerconfig.py"

What this file says wins over FLOWER_ variables, and the command line over both. Without a password Flower
does not start. Its `/metrics` and `/healthcheck` ask for none; they hold names of workers and numbers.
"""

import os

if ":" not in os.environ.get("FLOWER_BASIC_AUTH", "").strip(":"):
    raise SystemExit("Flower needs a password: set FLOWER_BASIC_AUTH to user:password, then start it again")

basic_auth = os.environ["FLOWER_BASIC_AUTH"].split(",")
address = os.environ.get("FLOWER_ADDRESS", "127.0.0.1")
port = int(os.environ.get("FLOWER_PORT", "5555"))

# Neither the pages nor the HTTP API change anything: jobs are steered by `bulk-activate`.
read_only = True

# What tells a job or slice, and how far it is (`result`), where a narrow window still shows it.
tasks_columns = "name,state,kwargs,result,uuid,received,runtime,worker"

# A slice of 2,880 ids is a task: so many stand for 20 million ids.
max_tasks = 10_000

# Workers have new names after each start; those that are gone for five minutes need no row.
purge_offline_workers = 300

# Rows of slices and jobs are drawn by workers as they go on, so nothing is written to a file.
persistent = False
