"""What is to be told of jobs is handed to one who asks, and again where that one died with it."""

import redis

from tests.store.job_setup import put_job
from worker.core.job import Control
from worker.store import keys
from worker.store.jobs import JobStore

LONG_MS = 3_600_000


def test_a_change_is_handed_out_once(jobs: JobStore, client: redis.Redis) -> None:
    names = [put_job(jobs) for _ in range(3)]
    found = jobs.lease_notifications(2, LONG_MS)
    assert len(found) == 2
    assert sorted(found + jobs.lease_notifications(10, LONG_MS)) == sorted(names)
    assert jobs.lease_notifications(10, LONG_MS) == []
    jobs.control(names[1], Control.PAUSE, code="user", message="", actor="test")
    assert jobs.lease_notifications(10, LONG_MS) == [names[1]]


def test_who_dies_with_it_leaves_it_to_another(jobs: JobStore) -> None:
    job_id = put_job(jobs)
    assert jobs.lease_notifications(10, 0) == [job_id]
    assert jobs.lease_notifications(10, 0) == [job_id]
    jobs.clear_notification(job_id)
    assert jobs.lease_notifications(10, 0) == []


def test_a_job_that_is_gone_is_not_to_be_told_of(jobs: JobStore, client: redis.Redis) -> None:
    purged = put_job(jobs)
    jobs.control(purged, Control.CANCEL, code="user", message="", actor="test")
    jobs.purge(purged)
    assert client.zcard(keys.NOTIFY) == 0
