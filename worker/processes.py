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
from pathlib import Path
from types import FrameType
from typing import Final

import click

from worker import heartbeat, logs, settings
from worker.core.errors import BulkActivateError
from worker.lifeline import end_with_parent
from worker.settings import PREFIX
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
        if ready.heartbeat_file is not None:
            heartbeat.begin(ready.heartbeat_file)
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
        sys.exit(_keep_running(concurrency, ready.heartbeat_file))


def _work(name: str) -> None:
    from worker.celery import app  # noqa: PLC0415 -- it starts from settings that were checked above.

    # Celery says goodbye on stdout, which is for data.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    app.worker_main(["--quiet", "worker", "--without-gossip", "--without-mingle", "--hostname", f"{name}@%h"])


def _keep_running(count: int, file: Path | None) -> int:
    """Starts `count` processes, starts again those that die, stops all on a signal.

    Each has a heartbeat file of its own; `file` is touched while all of them beat.
    """
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    beats = [file.with_name(f"{file.name}.{number}") if file else None for number in range(count)]
    children = [_start(beat) for beat in beats]
    while not stopping:
        for place, child in enumerate(children):
            if child.poll() is not None:
                click.echo(
                    f"worker process {child.pid} ended ({child.returncode}); starting another", err=True
                )
                time.sleep(_RESTART_PAUSE)
                children[place] = _start(beats[place])
        if file is not None and heartbeat.all_beat(filter(None, beats), time.time()):
            heartbeat.beat(file, f"{count} processes beat")
        time.sleep(_POLL)
    for child in children:
        child.terminate()
    code = max(abs(child.wait()) for child in children)
    if file is not None:
        file.unlink(missing_ok=True)
    return code


def _start(beat: Path | None) -> "subprocess.Popen[bytes]":
    # Its own session: Ctrl-C reaches it through this parent alone, once. The pipe ends it with us.
    environment = os.environ | ({f"{PREFIX}HEARTBEAT_FILE": str(beat)} if beat else {})
    arguments = [sys.executable, "-m", "worker", "worker", "--with-parent"]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, start_new_session=True, env=environment)
