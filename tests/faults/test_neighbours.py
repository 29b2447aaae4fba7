"""Another Celery application on the same database: neither takes what is the other's, nor orders it about."""

from pathlib import Path

from celery import Celery

from tests.e2e.stack import new_ids, until
from tests.faults.invariant import check
from tests.faults.scene import MIXED, scene
from worker.queue.broker import broker_conf
from worker.settings import load


def neighbour(redis_url: str) -> Celery:
    """With Celery's own defaults, but for where Redis is."""
    app = Celery("theirs", set_as_current=False)
    app.conf.update(broker_url=broker_conf(load(redis_url=redis_url).redis_url)["broker_url"])
    return app


def test_their_unacknowledged_messages_stay_theirs_and_their_orders_end_no_worker(tmp_path: Path) -> None:
    with scene(tmp_path, *MIXED, rate=40.0) as made, neighbour(made.real.server.url) as theirs:
        with theirs.connection_for_write() as connection, made.client() as client:
            queue = connection.SimpleQueue("theirs")
            queue.put({"a": "message"})
            held = queue.get(timeout=10)
            # Taken by one of theirs longer ago than any visibility timeout lasts.
            client.zadd("unacked_index", {str(held.delivery_tag): 1}, xx=True)
            made.crew(1)
            theirs.control.shutdown()
            theirs.control.broadcast("pool_shrink", arguments={"n": 4})
            ids = new_ids(15 * 40)
            job_id = made.stack.submit(ids)
            made.rests(job_id)
            made.rounds(2)
            assert (client.hlen("unacked"), client.llen("theirs")) == (1, 0)
            held.ack()
            until(lambda: client.hlen("unacked") == 0)
            queue.close()
        assert [worker.poll() for worker in made.workers] == [None]
        check(made, job_id, ids)
