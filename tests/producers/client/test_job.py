"""A job in the hands of another program, while no worker is there: read, steered, retried, removed."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from producers import (
    BadInputError,
    Client,
    DamagedRecordError,
    Job,
    JobUnfinishedError,
    NoSuchJobError,
    Outage,
    Progress,
    State,
    StateChangeError,
    WatchTimeoutError,
)
from tests.e2e.stack import ORG, new_ids
from tests.servers import RealServer, valkey9
from tests.store.spoilt import spoil_job
from worker.reports.proof import check_proof
from worker.store.connect import sync_client


@pytest.fixture
def job(client: Client) -> Job:
    """A queued job of 40 ids."""
    return client.submit(new_ids(40), org_id=ORG)


def test_a_job_is_steered_and_a_repeat_changes_nothing(job: Job) -> None:
    assert job.pause("lunch") == (State.PAUSED, True)
    assert job.pause("again") == (State.PAUSED, False)
    assert job.report().state_reason.message == "lunch"
    assert job.resume() == (State.QUEUED, True)
    assert job.resume() == (State.QUEUED, False)
    assert job.cancel("enough") == (State.CANCELLED, True)
    assert job.cancel() == (State.CANCELLED, False)
    for refused in (job.pause, job.resume):
        with pytest.raises(StateChangeError, match="it is cancelled"):
            refused()


def test_the_actor_is_recorded_with_what_it_does(valkey: RealServer) -> None:
    with Client(redis_url=valkey.server.url, actor="key:night-shift") as client:
        job = client.submit(new_ids(2), org_id=ORG)
        job.pause()
        job.cancel()
        child = job.retry()
    report = job.report()
    assert (report.created_by, report.state_reason.actor) == ("key:night-shift", "key:night-shift")
    assert child.report().created_by == "key:night-shift"


def test_a_wait_that_times_out_says_that_the_job_goes_on(job: Job) -> None:
    with pytest.raises(WatchTimeoutError, match="it goes on"):
        job.wait(timeout=0.01)
    assert job.report().state is State.QUEUED


@pytest.mark.parametrize(
    ("steer", "words"),
    [
        (Job.pause, r"did not complete\. The job is paused: why not\. `resume` goes on"),
        (Job.cancel, r"40 never sent\. The job ended early \(cancelled: why not\)\. `retry` takes up"),
    ],
)
def test_a_wait_says_how_a_job_ended_that_did_not_complete(
    job: Job, steer: Callable[[Job, str], object], words: str
) -> None:
    steer(job, "why not")
    with pytest.raises(JobUnfinishedError, match=words) as caught:
        job.wait()
    assert caught.value.report == job.report()
    assert caught.value.exit_code == 4


def test_a_deadline_is_settled_by_whoever_looks(client: Client) -> None:
    job = client.submit(new_ids(3), org_id=ORG, deadline=0.001)
    with pytest.raises(JobUnfinishedError, match="expired"):
        job.wait()


def test_a_job_without_ids_is_complete_at_once(client: Client, warnings: list[str]) -> None:
    report = client.submit([], org_id=ORG).wait(timeout=5)
    assert (report.state, report.outcome, report.counts["total"]) == (State.COMPLETED, "nothing_to_do", 0)
    done = client.submit(new_ids(2), org_id=ORG)
    done.cancel()
    done.retry(["failed"])
    assert warnings == ["the list holds no id", "this job holds no id: there is nothing to do"]


def test_a_wait_goes_on_over_an_outage_of_redis() -> None:
    with valkey9() as real, Client(redis_url=real.server.url) as client:
        job = client.submit(new_ids(3), org_id=ORG)
        with closing(job.follow()) as steps:  # type: ignore[type-var] # A generator, as its name says.
            assert isinstance(next(steps), Progress)
            real.stop()
            outages = [next(steps), next(steps)]
            assert [isinstance(each, Outage) and each.is_new for each in outages] == [True, False]
            real.start()
            progress = next(step for step in steps if isinstance(step, Progress))
            assert (progress.report.state, progress.workers, progress.is_last) == (State.QUEUED, 0, False)
            job.cancel()
            assert [step.is_last for step in steps][-1]


def test_rows_can_be_chosen(client: Client, job: Job) -> None:
    ids = [row.id for row in job.results()]
    assert [row.id for row in job.results("pending")] == ids
    assert [row.id for row in job.results({"pending", "failed"}, [ids[3] or "", ids[1] or ""])] == [
        ids[1],
        ids[3],
    ]
    assert [row.line for row in job.results(ids=ids[2])] == [3]
    assert list(job.results(["failed"])) == []
    with pytest.raises(BadInputError, match="'lost' is none of"):
        job.results("lost")
    with pytest.raises(BadInputError, match="'' is none of"):
        job.results("")
    missing = client.job("20261124-093000-1a2b3c4d")
    with pytest.raises(NoSuchJobError):
        missing.results()


def test_the_bytes_of_the_results_are_those_of_the_command(job: Job) -> None:
    written: list[bytes] = []
    assert job.write_results(written.append) == frozenset()
    lines = b"".join(written).decode().splitlines()
    assert lines[0] == "line,id,outcome,reason,message,http_status,attempts,finished_at"
    assert [line.split(",")[1] for line in lines[1:]] == [row.id for row in job.results()]
    written.clear()
    assert job.write_results(written.append, "ndjson", ids=["not-there"]) == {"not-there"}
    assert written == []
    with pytest.raises(BadInputError, match="--bom"):
        job.write_results(written.append, "ndjson", bom=True)


def test_the_page_is_the_report_as_html(job: Job) -> None:
    assert "The job is queued." in job.page()


def test_a_job_at_rest_is_written_to_a_folder_of_its_own(client: Client, job: Job, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    with pytest.raises(StateChangeError, match=f"cannot write the results of job {job.id}: it is queued"):
        job.write_folder(folder)
    job.cancel()
    for _ in range(2):
        assert job.write_folder(folder) == job.report()
    assert check_proof(folder).differences == []
    other = client.submit(new_ids(2), org_id=ORG)
    other.cancel()
    with pytest.raises(BadInputError, match="holds other files"):
        other.write_folder(folder)


def test_a_recount_finds_what_does_not_balance(valkey: RealServer, job: Job) -> None:
    found = job.verify()
    assert (found.balanced, found.differences, found.recounted["total"]) == (True, [], 40)
    with sync_client(valkey.server.url) as redis:
        spoil_job(redis, job.id, {"n_activated": "1"})
    found = job.verify()
    assert not found.balanced
    assert "activated: the counter says 1, the record 0" in found.differences


def test_a_retry_has_what_its_parent_has_and_its_own_labels(client: Client) -> None:
    parent = client.submit(new_ids(5), org_id=ORG, labels={"a": "1", "b": "1"}, weight=3)
    with pytest.raises(StateChangeError, match="must be at rest"):
        parent.retry()
    parent.cancel()
    child = parent.retry("not_attempted", labels={"b": "2"}, max_failures=1)
    report = child.report()
    assert (report.parent_job_id, report.labels) == (parent.id, {"a": "1", "b": "2"})
    assert report.counts["total"] == 5
    with pytest.raises(BadInputError, match="nothing to retry about activated"):
        parent.retry(["activated"])
    assert len(list(parent.results(merged=True))) == 5
    assert "2 jobs; this page has the latest outcome" in parent.page(merged=True)


def test_the_reason_of_a_retry_is_not_that_of_the_next(client: Client) -> None:
    first = client.submit(new_ids(1), org_id=ORG, labels={"a": "1", "reason": "incident"})
    first.cancel()
    second = first.retry()
    assert second.report().labels == {"a": "1", "reason": "incident"}
    second.cancel()
    third = second.retry(labels={"reason": "late"})
    assert third.report().labels == {"a": "1", "reason": "late"}
    third.cancel()
    fourth = third.retry()
    assert fourth.report().labels == {"a": "1"}
    fourth.cancel()
    assert fourth.retry().report().labels == {"a": "1"}


def test_a_record_that_was_not_written_by_us_is_an_error(valkey: RealServer, job: Job) -> None:
    with sync_client(valkey.server.url) as redis:
        spoil_job(redis, job.id, {"created_ms": "long ago"})
    for read in (job.report, job.wait, job.page):
        with pytest.raises(DamagedRecordError, match=job.id):
            read()


def test_a_job_at_rest_is_purged_and_then_there_is_none(job: Job) -> None:
    with pytest.raises(StateChangeError, match="it is queued"):
        job.purge()
    job.cancel()
    job.purge()
    calls: list[Callable[[], Any]] = [
        *(job.report, job.progress, job.wait, job.results, job.page, job.verify, job.pause, job.resume),
        *(job.cancel, job.retry, job.purge, lambda: job.write_results(lambda _: None)),
        lambda: job.write_folder("unused"),
    ]
    for call in calls:
        with pytest.raises(NoSuchJobError, match=job.id):
            call()


def test_the_weight_of_a_job_can_be_changed_until_it_rests(client: Client, job: Job) -> None:
    store = client._session.store
    assert job.set_weight(7)
    assert not job.set_weight(7)
    assert store.field(job.id, "weight") == "7"
    wrong: float
    for wrong in (0, 101, True, 1.5):
        with pytest.raises(BadInputError, match="--weight"):
            job.set_weight(wrong)  # type: ignore[arg-type] # Callers without a type checker.
    job.cancel()
    with pytest.raises(StateChangeError, match="it is cancelled"):
        job.set_weight(1)
    assert store.field(job.id, "weight") == "7"
    with pytest.raises(NoSuchJobError):
        client.job("20261124-093000-1a2b3c4d").set_weight(1)
    assert store.field("20261124-093000-1a2b3c4d", "weight") is None


def test_jobs_are_listed_newest_first_by_state(client: Client, job: Job) -> None:
    paused = client.submit(new_ids(2), org_id=ORG)
    paused.pause()
    ids = [each.id for each in client.jobs()]
    assert ids.index(paused.id) < ids.index(job.id)
    assert paused.id in [each.id for each in client.jobs("paused")]
    assert job.id not in [each.id for each in client.jobs(State.PAUSED)]
    (summary,) = [each for each in client.summaries() if each.job_id == job.id]
    assert (summary.org_id, summary.state, summary.counts["total"]) == (ORG, State.QUEUED, 40)


def test_a_damaged_record_is_left_out_of_the_list_with_a_warning(warnings: list[str]) -> None:
    with (
        valkey9() as real,
        Client(redis_url=real.server.url, on_warning=warnings.append) as client,
        sync_client(real.server.url) as redis,
    ):
        good, bad = (client.submit(new_ids(2), org_id=ORG) for _ in range(2))
        spoil_job(redis, bad.id, {"state": "no state at all"})
        assert [each.id for each in client.jobs()] == [good.id]
    assert warnings == [f"job '{bad.id}' is left out: its record is damaged"]


def test_a_rate_is_ordered_for_the_api_of_the_settings(client: Client) -> None:
    change = client.set_rate(ORG, 50.0)
    assert (change.order, change.api_url) == ("50", "https://console.cloud.vmware.com")
    assert change.warning is not None
    assert change.warning.startswith("no live worker")
    assert client.set_rate(ORG, "auto").order == "auto"
    assert client.set_rate(ORG, "default").order == "default"
    for wrong in (0, -1, "fast", 1e9):
        with pytest.raises(BadInputError, match="RATE"):
            client.set_rate(ORG, wrong)
    with pytest.raises(BadInputError, match="ORG"):
        client.set_rate("x", 5)


def test_workers_that_cannot_be_woken_are_a_warning(
    client: Client, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr("worker.queue.messages.send", refuse)
    job = client.submit(new_ids(2), org_id=ORG)
    (warning,) = warnings
    assert warning.startswith(f"job {job.id} is stored, but workers could not be woken (OSError)")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("worker.queue.messages.send", interrupt)
    with pytest.raises(KeyboardInterrupt):
        client.submit(new_ids(2), org_id=ORG)
    newest = next(client.jobs())
    assert warnings[1:] == [f"job {newest.id} is stored: workers find it by themselves within seconds"]
