"""`metrics`: the Prometheus exporter as a process. It holds no credential and calls no API."""

import signal
import threading
from contextlib import AbstractContextManager

import click
from prometheus_client import CollectorRegistry

from worker import settings
from worker.core.errors import BadSettingError
from worker.monitoring.metrics.exporter import RedisCollector
from worker.process.exit_on_error import exit_on_error
from worker.process.lifeline import end_with_parent
from worker.process.metrics_endpoint import metrics_endpoint
from worker.queue.messages import QUEUE_NAMES
from worker.settings import PREFIX, Settings
from worker.store.connect import sync_client
from worker.telemetry import logs


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Port; default: METRICS_PORT.")
@click.option("--address", default=None, help="Address to listen on; default: METRICS_ADDRESS.")
@click.option("--with-parent", is_flag=True, help="Stop as soon as stdin ends.")
def command(port: int | None, address: str | None, with_parent: bool) -> None:
    """Serve what Redis knows of jobs and workers to Prometheus, until told to stop.

    Example: bulk-activate metrics --port 9464
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with exit_on_error():
        loaded = settings.load(credential=False, metrics_port=port, metrics_address=address)
        logs.configure(loaded)
        with sync_client(loaded.redis_url) as client:
            registry = CollectorRegistry()
            registry.register(RedisCollector(client, QUEUE_NAMES))
            with _served(loaded, registry):
                if with_parent:
                    end_with_parent(stopping.set)
                stopping.wait()


def _served(loaded: Settings, registry: CollectorRegistry) -> AbstractContextManager[None]:
    if loaded.metrics_port is None:
        raise BadSettingError(f"no port: give --port, or set {PREFIX}METRICS_PORT")
    choose = f"--port ({PREFIX}METRICS_PORT) or --address ({PREFIX}METRICS_ADDRESS)"
    return metrics_endpoint(registry, loaded.metrics_address, loaded.metrics_port, choose)


if __name__ == "__main__":
    command()
