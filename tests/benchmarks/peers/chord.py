"""A Celery chord of one task per batch, with `requests`, and a body that adds the answers up.

The manner is that of Celery's user guide (Canvas: chords; a result backend, which a chord needs) and of the
guide of `requests` (a session, so that connections are kept). Pool and number of processes are Celery's own.

    celery -A tests.benchmarks.peers.chord worker        # after setting PEER_*
    python -m tests.benchmarks.peers.chord BATCHES
"""

import os
import sys
from typing import Any

import requests
from celery import Celery, chord

from tests.benchmarks.peers.work import BODY_HEADERS, TIMEOUT, new_batch

URL = os.environ["PEER_URL"]

app = Celery("chord", broker=os.environ["PEER_BROKER"], backend=os.environ["PEER_BROKER"])
app.conf.update(worker_hijack_root_logger=False)
_session = requests.Session()
_session.headers.update(BODY_HEADERS)


def _activate(ids: list[str]) -> dict[str, Any]:
    response = _session.post(URL, json={"ids": ids}, timeout=TIMEOUT)
    response.raise_for_status()
    return dict(response.json())


def _total(answers: list[dict[str, Any]]) -> dict[str, int]:
    return {name: sum(len(answer[name]) for answer in answers) for name in ("successes", "failures")}


activate = app.task(_activate, name="peer.activate")
total = app.task(_total, name="peer.total")

if __name__ == "__main__":
    chord([activate.s(new_batch()) for _ in range(int(sys.argv[1]))])(total.s())
