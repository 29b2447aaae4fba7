"""`worker`: runs one Celery worker process, or has a supervisor run several.

A process has one event loop and works on several slices at once, so one per core is about right. Each process
is a Celery worker of its own: it ends cleanly on SIGTERM, which a busy prefork pool does not.
"""

import secrets
import socket
import sys
from typing import Final

import click
import structlog

from worker import settings
from worker.api.network import check_network, describe_route
from worker.commands.supervisor import Process, keep_running, own_heartbeat_file
from worker.core.visible import visible
from worker.process import heartbeat, streams
from worker.process.exit_on_error import exit_on_error
from worker.process.lifeline import end_with_parent
from worker.process.signal_handlers import install_signal_handlers
from worker.settings.secret_files import exposed_secrets
from worker.store.capabilities import check_worker
from worker.store.connect import sync_client
from worker.store.server import check_server
from worker.telemetry import logs
from worker.telemetry.traces import check_tracing

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
    with exit_on_error():
        loaded = settings.load()
        loaded.require_credential()
        check_network(loaded)
        check_tracing(loaded)
        logs.configure(loaded)
        logs.log_uncaught()
        # Before any warning: the first line says where requests go, and by which way.
        log.info("calling the API", api_url=loaded.api_url, way=describe_route(loaded))
        install_signal_handlers()
        if loaded.heartbeat_file is not None:
            heartbeat.prepare(loaded.heartbeat_file)
        _warn(exposed_secrets(loaded))
        with sync_client(loaded.redis_url) as client:
            _warn(check_server(client, loaded.redis_url))
            check_worker(client, loaded.redis_url)
    if with_parent:
        end_with_parent()
    serves_metrics = metrics and loaded.metrics_port is not None
    if concurrency == 1 and not serves_metrics:
        work(name or f"w{secrets.token_hex(3)}", only_job)
    else:
        # Metrics have a process of their own, so that a scrape takes no time from sending.
        named = [*(("--name", name) if name and concurrency == 1 else ())]
        named += ("--job", only_job) if only_job else ()
        file = loaded.heartbeat_file
        workers = [
            Process((*_WORKER, *named), own_heartbeat_file(file, number)) for number in range(concurrency)
        ]
        sys.exit(keep_running(workers + [Process(_METRICS, None)] * serves_metrics, file))


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        log.warning(visible(warning))


def work(name: str, only_job: str | None) -> None:
    """Runs a Celery worker in this process until it is stopped, and exits with its code."""
    from celery import signals  # noqa: PLC0415 -- slow to import, and needed here alone.

    from worker.celery import app, serve_only  # noqa: PLC0415 -- loads the settings, which were checked before.

    serve_only(only_job)

    # Celery prints a farewell; ours is the log line below.
    streams.discard_stdout()
    # Not `app.worker_main`, which hides how its worker ended.
    worker = app.Worker(
        hostname=f"{name}@{socket.gethostname()}", quiet=True, without_gossip=True, without_mingle=True
    )
    stop_signals: list[str] = []
    signals.worker_shutting_down.connect(lambda sig, **_: stop_signals.append(sig), weak=False)
    worker.start()
    if stop_signals:
        log.info("the worker has ended as it was told", told_by=stop_signals)
    sys.exit(worker_exit_code(worker.exitcode, stop_signals))


def worker_exit_code(code: object, stop_signals: list[str]) -> int:
    """0 where the worker stopped on one of `stop_signals`. Celery itself counts Ctrl-C as a failure."""
    if not stop_signals:
        return code if isinstance(code, int) and code else 1
    return 0 if code == 0 or stop_signals == ["SIGINT"] else 1
