"""Making jobs: whole or not at all, once per request."""

import pytest
import redis

from tests.store.job_setup import ORG, counts, put_job, state
from worker.core.batches.slices import Slice
from worker.core.errors import NoSuchJobError, RequestIdTakenError
from worker.core.reporting.skipped import SkippedLine
from worker.store import keys
from worker.store.jobs import JobStore


def create(jobs: JobStore, job_id: str, fingerprint: str = "f", *, fresh: bool = False) -> tuple[str, bool]:
    return jobs.create(job_id, {"org_id": ORG}, request_id="key", fingerprint=fingerprint, fresh=fresh)


def test_the_same_request_finds_the_same_job(jobs: JobStore) -> None:
    assert create(jobs, "one") == ("one", True)
    assert create(jobs, "two") == ("one", False)


def test_a_request_id_with_another_list_is_refused(jobs: JobStore) -> None:
    create(jobs, "one")
    with pytest.raises(RequestIdTakenError, match="job one"):
        create(jobs, "two", "other")


def test_a_fresh_request_makes_a_new_job_once_the_old_one_rests(jobs: JobStore, client: redis.Redis) -> None:
    create(jobs, "one")
    assert create(jobs, "two", fresh=True) == ("one", False)
    client.hset(keys.job("one"), "state", "completed")
    assert create(jobs, "two") == ("one", False)
    assert jobs.job_of("key") == "one"
    assert create(jobs, "three", fresh=True) == ("three", True)
    assert jobs.job_of("key") == "three"
    assert jobs.job_of("another key") is None


def test_no_worker_touches_a_job_before_its_launch(jobs: JobStore) -> None:
    create(jobs, "one")
    jobs.put_slices("one", [(0, Slice(("a",), ((1, 1),)))])
    assert jobs.sweep("one") == []
    assert state(jobs, "one") == "preparing"


def test_an_empty_list_is_done_at_its_launch(jobs: JobStore) -> None:
    create(jobs, "one")
    assert jobs.start_job("one", {}, total=0, slices=0, deadline=None) == []
    assert state(jobs, "one") == "completed"
    assert counts(jobs, "one") == {}


def test_launching_twice_changes_nothing(jobs: JobStore) -> None:
    job_id = put_job(jobs, 40)
    assert jobs.start_job(job_id, {"org_id": "other"}, total=9, slices=9, deadline=None) == []
    assert counts(jobs, job_id) == {"pending": 40}


def test_launching_a_job_that_vanished_says_so(jobs: JobStore) -> None:
    with pytest.raises(NoSuchJobError, match="submit it again"):
        jobs.start_job("gone", {}, total=1, slices=1, deadline=None)


def test_skipped_lines_come_back_in_order(jobs: JobStore) -> None:
    first = [SkippedLine(2, "a", 1, ""), SkippedLine(3, None, None, "empty id")]
    second = [SkippedLine(9, "b", 4, "")]
    create(jobs, "one")
    jobs.put_skipped("one", 0, first)
    jobs.put_skipped("one", 1, second)
    assert list(jobs.skipped("one")) == [*first, *second]


def test_an_upload_that_is_discarded_leaves_no_key(jobs: JobStore, client: redis.Redis) -> None:
    jobs.create("one", {"org_id": ORG, "request_id": "key"}, request_id="key", fingerprint="f", fresh=False)
    jobs.put_slices("one", [(0, Slice(("a",), ((1, 1),)))])
    jobs.put_skipped("one", 0, [SkippedLine(2, "a", 1, "")])
    jobs.discard("one")
    assert client.keys("*") == []


def test_reading_a_job_that_is_not_there(jobs: JobStore) -> None:
    with pytest.raises(NoSuchJobError, match="bulk-activate list"):
        jobs.read("nowhere")


def test_summaries_are_newest_first(jobs: JobStore, client: redis.Redis) -> None:
    made = [put_job(jobs, 1) for _ in range(3)]
    client.zadd(keys.JOBS, {job_id: place for place, job_id in enumerate(made)})
    assert [fields["id"] for fields in jobs.summaries()] == made[::-1]


def test_a_job_whose_making_is_repeated_late_stays_as_it_is(jobs: JobStore) -> None:
    """A command that timed out is sent again, and the first may be the last to arrive."""
    job_id = put_job(jobs, 40)
    before = jobs.read(job_id).fields
    found = jobs.create(job_id, {"org_id": ORG}, request_id=None, fingerprint="f", fresh=False)
    assert found == (job_id, False)
    assert jobs.read(job_id).fields == before
