"""`worker`: one Celery worker process, or a parent that keeps several of them running.

A process has one event loop and works on several slices at once, so a machine wants about one per core.
Each is a whole Celery worker of its own: it ends cleanly on SIGTERM, which a busy prefork pool does not.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

import click
import structlog

from worker import heartbeat, logs, settings, streams
from worker.api.network import check_network, shown_way
from worker.core.errors import BulkActivateError
from worker.core.visible import visible
from worker.lifeline import end_with_parent
from worker.secret_files import exposed_secrets
from worker.settings import PREFIX
from worker.stacks import tame_signals
from worker.store.connect import check_server, sync_client
from worker.store.trial import check_worker
from worker.traces import check_tracing

_RESTART_PAUSE: Final = 1.0
"""Seconds before a process that died is started again, so that one that cannot live is no load."""

_POLL: Final = 0.2

_WORKER: Final = ("worker", "--no-metrics")
_METRICS: Final = ("metrics",)

log = structlog.get_logger(__name__)


@click.command()
@click.option(
    "--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Worker processes."
)
@click.option("--with-parent", is_flag=True, help="Stop as soon as stdin ends.")
@click.option("--name", default=None, help="Celery node name; default: a new one.")
@click.option("--job", "only_job", default=None, metavar="JOB", help="Work on this job alone.")
@click.option("--metrics/--no-metrics", default=True, help="Serve metrics where METRICS_PORT is set.")
def command(
    concurrency: int, with_parent: bool, name: str | None, only_job: str | None, metrics: bool
) -> None:
    """Work on jobs until told to stop (SIGTERM or Ctrl-C; slices in work are given back).

    Example: python -P -m worker worker --concurrency 2
    """
    try:
        ready = settings.load()
        ready.require_credential()
        check_network(ready)
        check_tracing(ready)
        logs.configure(ready)
        logs.log_uncaught()
        tame_signals()
        if ready.heartbeat_file is not None:
            heartbeat.begin(ready.heartbeat_file)
        _warn(exposed_secrets(ready))
        with sync_client(ready.redis_url) as client:
            _warn(check_server(client, ready.redis_url))
            check_worker(client, ready.redis_url)
    except BulkActivateError as error:
        click.echo(f"Error: {visible(str(error))}", err=True)
        sys.exit(error.exit_code)
    if with_parent:
        end_with_parent()
    shows = metrics and ready.metrics_port is not None
    if concurrency == 1 and not shows:
        log.info("calling the API", api_url=ready.api_url, way=shown_way(ready))
        work(name or f"w{secrets.token_hex(3)}", only_job)
    else:
        # Metrics are served by a process of their own: a scrape takes no time from sending.
        named = [*(("--name", name) if name and concurrency == 1 else ())]
        named += ("--job", only_job) if only_job else ()
        file = ready.heartbeat_file
        workers = [_Part((*_WORKER, *named), _own_beat(file, number)) for number in range(concurrency)]
        sys.exit(_keep_running(workers + [_Part(_METRICS, None)] * shows, file))


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        log.warning(visible(warning))


def work(name: str, only_job: str | None) -> None:
    from celery import signals  # noqa: PLC0415 -- heavy, and needed by none but this process.

    from worker.celery import app, serve_only  # noqa: PLC0415 -- from settings that were checked above.

    serve_only(only_job)

    # Ours says goodbye below.
    streams.discard_stdout()
    # Not `app.worker_main`, which says nothing of how its worker ended.
    worker = app.Worker(
        hostname=f"{name}@{socket.gethostname()}", quiet=True, without_gossip=True, without_mingle=True
    )
    told: list[str] = []
    signals.worker_shutting_down.connect(lambda sig, **_: told.append(sig), weak=False)
    worker.start()
    if told:
        log.info("the worker has ended as it was told", told_by=told)
    sys.exit(worker_ended(worker.exitcode, told))


def worker_ended(code: object, told: list[str]) -> int:
    """0 only where it was told to end, and did. `told`: by which signals; for Celery Ctrl-C is a failure."""
    if not told:
        return code if isinstance(code, int) and code else 1
    return 0 if code == 0 or told == ["SIGINT"] else 1


class _Part(NamedTuple):
    """A process to keep running: its command, and the heartbeat file that it keeps."""

    arguments: tuple[str, ...]
    beat: Path | None


def _own_beat(file: Path | None, number: int) -> Path | None:
    return file and file.with_name(f"{file.name}.{number}")


def _keep_running(parts: list[_Part], file: Path | None) -> int:
    """Starts a process of each, starts again those that die, stops all on a signal.

    The heartbeat `file` is written while all beat that are to.
    """
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    beats = [part.beat for part in parts if part.beat is not None]
    children = [_start(part) for part in parts]
    while not stopping:
        for place, child in enumerate(children):
            if child.poll() is not None:
                name = parts[place].arguments[0]
                log.warning(
                    "a process ended; starting another", process=name, pid=child.pid, code=child.returncode
                )
                time.sleep(_RESTART_PAUSE)
                children[place] = _start(parts[place])
        if file is not None and heartbeat.all_beat(beats, time.time()):
            heartbeat.beat(file, f"{len(beats)} processes beat")
        time.sleep(_POLL)
    for child in children:
        child.terminate()
    code = max(_ended(child.wait()) for child in children)
    if file is not None:
        file.unlink(missing_ok=True)
    return code


def _ended(code: int) -> int:
    """The exit code of a process that was told to end. One that still started ends by the signal itself."""
    return 0 if code == -signal.SIGTERM else abs(code)


def _start(part: _Part) -> "subprocess.Popen[bytes]":
    # Its own session: Ctrl-C reaches it through this parent alone, once. The pipe ends it with us.
    command_line = [sys.executable, "-P", "-m", "worker", *part.arguments, "--with-parent"]
    environment = os.environ | ({f"{PREFIX}HEARTBEAT_FILE": str(part.beat)} if part.beat else {})
    return subprocess.Popen(command_line, stdin=subprocess.PIPE, start_new_session=True, env=environment)
