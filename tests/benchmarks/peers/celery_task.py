"""The same work as a Celery task per batch, with what Celery itself has for rates and retries.

The manner is that of Celery's user guide (Tasks: `autoretry_for`, `retry_backoff`, `retry_jitter`,
`rate_limit`) with a session of `requests`. `rate_limit` holds per worker, so the rate is divided by the
number of workers, as the guide says.

A fair chance: the gevent pool, since with celery 5.7 on Redis the pools prefork and threads were measured to
start one to six of these tasks a second at `rate_limit="25/s"` (celery issue 5927 tells of the same), while
this one keeps the rate; as many greenlets as our worker has requests in flight; one session each, so that
connections are kept; retries without an end, so that no batch is lost, with a backoff of at most a minute
instead of ten. The batches are queued once both workers are ready.

    celery -A tests.benchmarks.peers.celery_task worker -P gevent ...     # after setting PEER_*
    python -m tests.benchmarks.peers.celery_task BATCHES
"""

import os
import sys
import threading

import requests
from celery import Celery, signals

from tests.benchmarks.peers.work import BODY_HEADERS, TIMEOUT, new_batch
from worker.store.connect import sync_client

URL = os.environ["PEER_URL"]
REDIS = os.environ["PEER_REDIS"]
READY = "peer:ready"

app = Celery("peer", broker=os.environ["PEER_BROKER"])
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)
_local = threading.local()  # Of a greenlet each, under gevent.


def _session() -> requests.Session:
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.headers.update(BODY_HEADERS)
    session: requests.Session = _local.session
    return session


def activate(ids: list[str]) -> None:
    _session().post(URL, json={"ids": ids}, timeout=TIMEOUT).raise_for_status()


task = app.task(
    activate,
    name="peer.activate",
    autoretry_for=(requests.RequestException,),
    retry_backoff=True,
    retry_backoff_max=60,
    retry_jitter=True,
    max_retries=None,
    rate_limit=os.environ.get("PEER_RATE_LIMIT"),
)


def _tell_ready(**_: object) -> None:
    with sync_client(REDIS) as client:
        client.incr(READY)


signals.worker_ready.connect(_tell_ready)

if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        task.delay(new_batch())
