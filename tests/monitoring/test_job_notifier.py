"""The job notifier goes on although a job is damaged, or Flower fails."""

import pytest
import redis

from tests.e2e.stack import until
from tests.servers import RealServer
from tests.store.job_setup import put_job
from worker.core.job import Control
from worker.core.reporting.schema import Report
from worker.monitoring.job_notifier import JobNotifier
from worker.store import keys
from worker.store.connect import sync_client
from worker.store.jobs import JobStore


@pytest.fixture
def client(valkey: RealServer) -> redis.Redis:
    return sync_client(valkey.server.url)


def test_a_broken_job_costs_the_others_nothing(client: redis.Redis, valkey: RealServer) -> None:
    store = JobStore(client)
    broken, sound = put_job(store), put_job(store)
    client.hset(keys.job(broken), "created_ms", "no number")
    shown: list[Report] = []
    notifier = JobNotifier(sync_client(valkey.server.url), shown.append)
    until(lambda: any(report.job_id == sound for report in shown))
    notifier.close()
    assert not any(report.job_id == broken for report in shown)
    client.flushall()


def test_a_row_that_cannot_be_drawn_keeps_no_end_from_being_told(
    client: redis.Redis, valkey: RealServer
) -> None:
    store = JobStore(client)
    job_id = put_job(store)
    store.control(job_id, Control.CANCEL, code="user", message="", actor="test")

    def away(_report: Report) -> None:
        raise ConnectionError

    # What is to be told by then is told at the close.
    JobNotifier(sync_client(valkey.server.url), away).close()
    assert client.zscore(keys.NOTIFY, job_id) is None
    client.flushall()
