"""Signals to a worker reveal no values, although Celery installs handlers that do."""

import subprocess
import sys

SECRET = "a-bearer-token-in-a-local-variable"
PROGRAM = f"""
import signal
from celery.apps.worker import install_cry_handler, install_rdb_handler, install_worker_restart_handler
from worker.process.signal_handlers import install_signal_handlers

def hold():
    token = "{SECRET}"
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR2)
    return token

install_signal_handlers()
for install in (install_cry_handler, install_rdb_handler):
    install()
install_worker_restart_handler(None)
install_signal_handlers()
hold()
signal.signal(signal.SIGTERM, lambda *_: print("told to end"))
signal.raise_signal(signal.SIGHUP)
"""


def test_a_stack_is_shown_and_not_its_values_although_celery_set_its_own_handlers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={"CELERY_RDBSIG": "1", "CELERY_RDB_PORT": "0"},
    )
    assert "in hold" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert "LOCAL VARIABLES" not in done.stderr
    assert done.stdout == "told to end\n"
