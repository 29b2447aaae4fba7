"""`worker`: one Celery worker process, or a parent that keeps several of them running.

A process has one event loop and works on several slices at once, so a machine wants about one per core.
Each is a whole Celery worker of its own: it ends cleanly on SIGTERM, which a busy prefork pool does not.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Final

import click

from worker import logs, settings
from worker.core.errors import BulkActivateError
from worker.lifeline import end_with_parent
from worker.store.connect import check_server, sync_client

_RESTART_PAUSE: Final = 1.0
"""Seconds before a process that died is started again, so that one that cannot live is no load."""

_POLL: Final = 0.2


@click.command()
@click.option(
    "--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Worker processes."
)
@click.option("--with-parent", is_flag=True, help="Stop as soon as stdin ends.")
@click.option("--name", default=None, help="Celery node name; default: a new one.")
def command(concurrency: int, with_parent: bool, name: str | None) -> None:
    """Work on jobs until told to stop (SIGTERM or Ctrl-C; slices in work are given back).

    Example: python -m worker worker --concurrency 2
    """
    try:
        ready = settings.load()
        ready.require_credential()
        logs.configure(ready)
        with sync_client(ready.redis_url) as client:
            for warning in check_server(client, ready.redis_url):
                click.echo(f"Warning: {warning}", err=True)
    except BulkActivateError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    if with_parent:
        end_with_parent()
    if concurrency == 1:
        _work(name or f"w{secrets.token_hex(3)}")
    else:
        sys.exit(_keep_running(concurrency))


def _work(name: str) -> None:
    from worker.celery import app  # noqa: PLC0415 -- it starts from settings that were checked above.

    # Celery says goodbye on stdout, which is for data.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    app.worker_main(["--quiet", "worker", "--without-gossip", "--without-mingle", "--hostname", f"{name}@%h"])


def _keep_running(count: int) -> int:
    """Starts `count` processes, starts again those that die, stops all on a signal."""
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    children = [_start() for _ in range(count)]
    while not stopping:
        for place, child in enumerate(children):
            if child.poll() is not None:
                click.echo(
                    f"worker process {child.pid} ended ({child.returncode}); starting another", err=True
                )
                time.sleep(_RESTART_PAUSE)
                children[place] = _start()
        time.sleep(_POLL)
    for child in children:
        child.terminate()
    return max(_ended(child.wait()) for child in children)


def _ended(code: int) -> int:
    """The exit code of a process that was told to end. One that still started ends by the signal itself."""
    return 0 if code == -signal.SIGTERM else abs(code)


def _start() -> "subprocess.Popen[bytes]":
    # Its own session: Ctrl-C reaches it through this parent alone, once. The pipe ends it with us.
    arguments = [sys.executable, "-m", "worker", "worker", "--with-parent"]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, start_new_session=True, env=os.environ)
