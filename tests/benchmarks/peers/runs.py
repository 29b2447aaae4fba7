"""Starts each peer as its own processes against an API, and ends them."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Final

from tests.benchmarks.peers.processes import running
from tests.benchmarks.peers.work import activate_url
from tests.e2e.stack import until
from tests.servers import valkey9
from worker.queue.broker import broker_conf
from worker.store.connect import sync_client

Peer = Callable[[str, int, float], AbstractContextManager[None]]
"""(the API's URL, batches, requests per second as its user believes); it works until the context ends."""

NEEDED: Final = ("requests", "gevent", "aiolimiter", "tenacity")

_CELERY_WORKERS: Final = 2
_CELERY_GREENLETS: Final = 32


def lacking() -> list[str]:
    """The packages of the extra `benchmark` that are not installed."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def script(module: str, *options: str) -> Peer:
    @contextmanager
    def run(api_url: str, batches: int, rate: float) -> Iterator[None]:
        arguments = ["--url", api_url, "--batches", str(batches), "--rate", str(rate), *options]
        command = [sys.executable, "-m", f"tests.benchmarks.peers.{module}", *arguments]
        with running(command, {}):
            yield

    return run


@contextmanager
def celery_task(api_url: str, batches: int, rate: float) -> Iterator[None]:
    module = "tests.benchmarks.peers.celery_task"
    with valkey9() as real, sync_client(real.server.url) as client:
        environment = {
            "PEER_URL": activate_url(api_url),
            "PEER_REDIS": real.server.url,
            "PEER_BROKER": broker_conf(real.server.url)["broker_url"],
            "PEER_RATE_LIMIT": f"{rate / _CELERY_WORKERS:g}/s",
        }
        celery = [sys.executable, "-m", "celery", "-A", module, "--quiet", "worker", "--loglevel=ERROR"]
        pool = ["--pool=gevent", f"--concurrency={_CELERY_GREENLETS}", "--without-gossip", "--without-mingle"]
        workers = [[*celery, *pool, "-n", f"peer{number}@%h"] for number in range(_CELERY_WORKERS)]
        with ExitStack() as started:
            for worker in workers:
                started.enter_context(running(worker, environment))
            until(lambda: int(client.get("peer:ready") or 0) == _CELERY_WORKERS)
            with running([sys.executable, "-m", module, str(batches)], environment):
                yield


PEERS: Final[dict[str, Peer]] = {
    "celery task": celery_task,
    "cookbook": script("cookbook"),
    "cookbook, no burst": script("cookbook", "--capacity", "0.1"),
    "aiolimiter + tenacity": script("aiolimited"),
}
