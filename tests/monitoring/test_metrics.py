"""Metrics agree with the reports, whichever workers live, and however many jobs there were."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import BULK_ACTIVATE, ORG, TOKEN, Simulator, Stack, cli, new_ids, simulator, until
from tests.monitoring.promtool import promtool
from tests.monitoring.scrapes import Exporter, exporter
from tests.servers import free_port, valkey9


@pytest.fixture(scope="module")
def told(stack: Stack, api: Simulator) -> Iterator[Exporter]:
    """The exporter beside a worker that has finished a job, which an API with a limit answered."""
    with exporter(stack.redis_url) as running:
        stack.worker(api, rate=200)
        yield running


def finished(stack: Stack, count: int) -> str:
    job = stack.submit(new_ids(count))
    until(lambda: stack.report(job)["state"] == "completed")
    return job


def total(told: Exporter, name: str) -> float:
    return sum(told.samples()[f"bulk_activate_{name}"].values())


def test_the_sums_are_those_of_the_reports_also_of_jobs_that_are_gone(stack: Stack, told: Exporter) -> None:
    first, second = finished(stack, 300), finished(stack, 45)
    reports = [stack.report(job) for job in (first, second)]
    assert stack.cli("purge", first).code == 0
    until(lambda: total(told, "ids_total") == 345)
    found = told.samples()
    outcomes = found["bulk_activate_ids_total"]
    for outcome in ("activated", "already_active", "failed", "unknown", "not_attempted"):
        assert outcomes[("outcome", outcome),] == sum(report["counts"][outcome] for report in reports)
    sent = sum(report["requests"]["sent"] for report in reports)
    statuses = found["bulk_activate_requests_total"]
    assert statuses[("status", "200"),] == sum(report["requests"]["by_status"]["200"] for report in reports)
    assert sum(statuses.values()) == sent == found["bulk_activate_request_seconds_count"][()]
    buckets = [count for _, count in sorted_buckets(found["bulk_activate_request_seconds_bucket"])]
    assert buckets == sorted(buckets)
    assert buckets[-1] == sent
    seconds = sum(report["progress"]["seconds"]["in_flight"] for report in reports)
    assert found["bulk_activate_request_seconds_sum"][()] == pytest.approx(seconds)
    exchanges = found["bulk_activate_token_exchanges_total"]
    assert exchanges[("result", "granted"),] >= 1
    assert exchanges[("result", "unshared"),] == 0
    ended = found["bulk_activate_jobs_ended_total"]
    assert ended[("reason", ""), ("state", "completed")] == 2


def sorted_buckets(buckets: dict[tuple[tuple[str, str], ...], float]) -> list[tuple[float, float]]:
    return sorted((float(labels[0][1]), count) for labels, count in buckets.items())


def test_what_stands_now_is_told_of_a_paused_job(stack: Stack, api: Simulator, told: Exporter) -> None:
    # Slow enough that it has not ended by then.
    assert stack.cli("set-rate", ORG, "5", API_URL=api.url).code == 0
    job = stack.submit(new_ids(6000))
    until(lambda: stack.report(job)["state"] == "running")
    assert stack.cli("pause", job).code == 0
    until(lambda: told.value("jobs", state="paused") == 1)
    until(lambda: told.value("slices", state="claimed") == 0)
    counts = stack.report(job)["counts"]
    until(lambda: total(told, "ids_open") == counts["pending"] + counts["ambiguous"])
    assert told.value("jobs_reason", reason="user") == 1
    assert told.value("rate_allowed", org=ORG) == 5
    assert told.value("org_requests_total", org=ORG) > 0
    assert told.value("workers") == 1
    assert told.value("oldest_job_seconds") > 0
    assert told.value("job_idle_seconds") == 0, "it is not to be worked on"
    assert stack.cli("cancel", job).code == 0
    until(lambda: told.value("jobs_ended_total", state="cancelled", reason="user") == 1)
    assert told.value("org_requests_total", org=ORG) > 0, "a counter stays where its job has come to rest"
    assert stack.cli("set-rate", ORG, "default", API_URL=api.url).code == 0


def test_more_jobs_make_no_more_series_and_nothing_secret_is_told(stack: Stack, told: Exporter) -> None:
    def series() -> set[str]:
        return {str((name, labels)) for name, found in told.samples().items() for labels in found}

    finished(stack, 15)
    before = series()
    jobs = [finished(stack, 15) for _ in range(2)]
    assert series() == before
    assert TOKEN not in told.text()
    assert not any(job in told.text() for job in jobs)


def test_promtool_finds_no_fault_with_the_names(told: Exporter) -> None:
    done = promtool("check", "metrics", given=told.text())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_refused_credential_is_told(tmp_path: Path) -> None:
    with (
        valkey9() as real,
        simulator() as api,
        exporter(real.server.url) as told,
        Stack(tmp_path, real.server.url) as stack,
    ):
        stack.submit(new_ids(15))
        until(lambda: told.value("jobs", state="queued") == 1)
        assert told.value("workers") == 0
        stack.start([BULK_ACTIVATE, "worker"], API_URL=api.url, API_TOKEN="no-such-token")
        until(lambda: told.value("jobs_reason", reason="credential_rejected") == 1)


def test_where_redis_is_away_it_says_so_and_nothing_else() -> None:
    with valkey9() as real, exporter(real.server.url) as told:
        assert told.value("redis_up") == 1
        real.stop()
        until(lambda: set(told.samples()) == {"bulk_activate_redis_up"})
        assert told.value("redis_up") == 0
        real.start()
        until(lambda: told.value("redis_up") == 1)


@pytest.mark.usefixtures("told")
def test_a_worker_serves_them_too_where_a_port_is_set(stack: Stack, api: Simulator) -> None:
    """Those of all workers: another runs already."""
    own = Exporter(free_port())
    worker = stack.worker(api, METRICS_PORT=str(own.port))
    until(own.answers)
    until(lambda: own.value("workers") == 2)
    worker.terminate()
    assert worker.wait() == 0
    assert not own.answers()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = cli("metrics", "--port", port)
    assert done.code == 2
    assert f"cannot serve metrics at 127.0.0.1:{port} (Address already in use)" in done.err
    assert cli("metrics").code == 2
