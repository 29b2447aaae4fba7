"""Speed does not depend on Celery's events: a worker takes the next slice as soon as one ends."""

from pathlib import Path

import pytest

from tests.e2e.stack import BULK_ACTIVATE, CELERY, TOKEN
from tests.engine.jobs import Jobs
from tests.faults.recorded import recorded
from tests.faults.scene import scene
from worker.core.batches.batch import MAX_BATCH
from worker.queue import messages
from worker.settings import load

THREADS = 4
SLICES = 8 * THREADS

LATENCY = 800
"""Milliseconds."""
RATE = 10.0
"""Requests per second: so far apart do the first four begin, and so end."""

WITH_EVENTS = (BULK_ACTIVATE, "worker")
WITHOUT = (CELERY, "-A", "worker", "worker", "worker_send_task_events=no")
"""No event of a task is sent, so none of these wakes Celery's loop either."""


@pytest.mark.parametrize("restarts", [0, 1])
@pytest.mark.parametrize("command", [WITHOUT, WITH_EVENTS], ids=["no_events", "events"])
def test_the_next_slice_is_begun_while_others_are_in_work(
    tmp_path: Path, command: tuple[str, ...], restarts: int
) -> None:
    """Slices of one request each, which are answered slowly: nearly every request finds three more.

    Of a worker that looks for messages only now and then some slices have ended by then, mostly all: a
    quarter of its requests finds three. Celery's loop begins anew after Redis restarted.
    """
    with recorded(latency=LATENCY) as api, scene(tmp_path, rate=RATE, api=api) as made:
        made.stack.start(list(command), API_URL=api.url, API_TOKEN=TOKEN, RATE=str(RATE))
        made.ready(1)
        for _ in range(restarts):
            made.real.restart()
            made.rounds(1)
        job = Jobs(made.real.server.url).put(MAX_BATCH * SLICES, per_slice=MAX_BATCH)
        with messages.make_app(load(redis_url=made.real.server.url)) as app:
            messages.send(app, job.job_id, job.tickets)
        made.rests(job.job_id)
        assert len(api.sent) == SLICES
        assert [each.beside for each in api.sent].count(THREADS - 1) > SLICES / 2
