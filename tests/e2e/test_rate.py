"""The rate of all workers: ordered while they work, shared between jobs, learned where nobody knows it."""

from statistics import median
from typing import Any

import pytest

from tests.e2e.stack import ORG, Simulator, Stack, cli, new_ids, simulator, until
from worker.store.connect import sync_client
from worker.store.jobs import JobStore


def test_an_order_acts_while_a_job_runs_and_is_taken_back(stack: Stack, api: Simulator) -> None:
    """At the worker's own rate, the job would take 40 minutes."""
    worker = {"REDIS_URL": stack.redis_url, "API_URL": api.url}
    job_id = stack.submit(new_ids(6000))
    stack.worker(api, rate=0.2)
    until(lambda: stack.report(job_id)["rate"]["configured"] == 0.2)
    done = cli("set-rate", ORG, "300", **worker)
    assert (done.code, done.out) == (0, "")
    until(lambda: stack.report(job_id)["state"] == "completed")
    assert stack.report(job_id)["rate"]["configured"] == 300
    assert cli("set-rate", ORG, "default", **worker).code == 0
    later = stack.submit(new_ids(15))
    until(lambda: stack.report(later)["rate"]["configured"] == 0.2)


@pytest.mark.parametrize(("org", "rate"), [(ORG, "fast"), (ORG, "0"), (ORG, "1e9"), ("x", "5")])
def test_an_order_that_cannot_be_is_refused(org: str, rate: str) -> None:
    done = cli("set-rate", org, rate)
    assert (done.code, done.err.count("\n")) == (2, 1)


def test_a_small_job_does_not_stand_behind_a_large_one(stack: Stack, api: Simulator) -> None:
    stack.worker(api, rate=50)
    large = stack.submit(new_ids(60_000))
    until(lambda: stack.report(large)["counts"]["pending"] < 60_000)
    small = stack.submit(new_ids(150))
    until(lambda: stack.report(small)["state"] == "completed")
    assert stack.report(large)["counts"]["pending"] > 40_000


def test_a_rate_that_nobody_knows_is_found_and_kept_for_the_next_job(stack: Stack) -> None:
    with simulator("--rate", "60", "--burst", "10", "--retry-after", "none") as api:
        job_id = stack.submit(new_ids(15 * 600))
        stack.worker(api, rate="auto", RATE_START="5")
        reports: list[dict[str, Any]] = []

        def is_complete() -> bool:
            reports.append(stack.report(job_id))
            return bool(reports[-1]["state"] == "completed")

        until(is_complete)
        report = reports[-1]
        assert report["rate"]["configured"] == "auto"
        # At any one moment, the last too, it may be looking for more.
        found = [each["rate"]["current"] for each in reports if each["requests"]["throttled"]]
        assert 30 <= median(found) <= 75
        assert report["requests"]["throttled"] <= 0.06 * report["requests"]["sent"]
        with sync_client(stack.redis_url) as client:
            host = api.url.removeprefix("http://")
            assert JobStore(client).budget(host, ORG).rate == report["rate"]["current"]


def test_a_low_limit_is_found_from_a_start_far_above_it(stack: Stack) -> None:
    batches = 20
    with simulator("--rate", "2", "--burst", "1", "--retry-after", "none") as api:
        job_id = stack.submit(new_ids(15 * batches))
        stack.worker(api, rate="auto", RATE_START="10")
        until(lambda: stack.report(job_id)["state"] == "completed")
        requests = stack.report(job_id)["requests"]
    assert requests["ok"] == batches
    # At best there are none but these. A learner that is locked up sends a 429 for each of them.
    assert requests["sent"] == batches + requests["throttled"] <= 1.8 * batches


def test_an_order_names_its_api_and_warns_where_nobody_has_it(stack: Stack, api: Simulator) -> None:
    """As an operator does who forgot to set API_URL as the workers have it."""
    job_id = stack.submit(new_ids(15))
    stack.worker(api)
    until(lambda: stack.report(job_id)["state"] == "completed")
    right = cli("set-rate", ORG, "50", REDIS_URL=stack.redis_url, API_URL=api.url)
    assert (right.code, right.err.count("\n")) == (0, 1)
    assert api.url in right.err
    wrong = cli("set-rate", ORG, "50", REDIS_URL=stack.redis_url, API_URL="HTTPS://Console.example:443/")
    assert wrong.code == 0
    order, warning = wrong.err.splitlines()
    assert "at https://console.example is 50" in order
    assert warning.startswith("Warning: no live worker")
    assert api.url in warning
    done = stack.cli("status", job_id)
    listed = stack.cli("list")
    assert api.url in done.out
    assert api.url in listed.out
    assert stack.cli("list", "-o", "json").json()[0]["api_url"] == api.url
