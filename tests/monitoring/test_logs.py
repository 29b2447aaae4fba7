"""The log of real workers: one line for each slice and job, each line about what it says it is about."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import ORG, TOKEN, Simulator, Stack, new_ids, simulator, until
from tests.servers import valkey9
from worker.core.batches.batch import MAX_BATCH
from worker.core.outcome import COUNTED


class Log:
    def __init__(self, stack: Stack) -> None:
        self._path = stack.log

    def lines(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        every = (json.loads(line) for line in self._path.read_text().splitlines() if line.startswith("{"))
        found = [line for line in every if line["event"] == event]
        return [line for line in found if all(line.get(name) == value for name, value in fields.items())]


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two jobs that went through one worker side by side, with ids that spoil their requests."""
    home: Path = tmp_path_factory.mktemp("stack")
    with (
        valkey9() as real,
        simulator("--poison", "0.02", "--fail", "0.05", "--seed", "3") as api,
        Stack(home, real.server.url) as stack,
    ):
        for _ in range(2):
            stack.submit(new_ids(1200))
        stack.worker(api, rate=200)
        yield stack


@pytest.fixture(scope="module")
def jobs(troubled: Stack) -> dict[str, dict[str, Any]]:
    """The reports of both, by job, once their end is told."""
    listed = troubled.cli("list", "-o", "json").json()
    names = [job["job_id"] for job in listed]
    until(lambda: all(len(Log(troubled).lines("job ended", job_id=name)) == 1 for name in names))
    return {name: troubled.report(name) for name in names}


def test_a_jobs_one_line_is_its_report(troubled: Stack, jobs: dict[str, dict[str, Any]]) -> None:
    assert len(jobs) == 2
    for name, report in jobs.items():
        (line,) = Log(troubled).lines("job ended", job_id=name)
        assert line["state"] == "completed"
        assert line["outcome"] == "partially_succeeded"
        assert line["org_id"] == ORG
        for field in ("counts", "requests", "created_by", "balanced", "ended_at"):
            assert line[field] == report[field], field
        seconds = dict(report["progress"]["seconds"])
        assert line["active_seconds"] == seconds.pop("active")
        assert line["batch_seconds"] == seconds
        assert sum(line["failures"].values()) == report["counts"]["failed"]


def test_the_lines_of_its_slices_add_up_to_it(troubled: Stack, jobs: dict[str, dict[str, Any]]) -> None:
    for name, report in jobs.items():
        lines = Log(troubled).lines("slice ended", job_id=name)
        outcomes: Counter[str] = Counter()
        for line in lines:
            outcomes.update(line["outcomes"])
        counts = report["counts"]
        assert outcomes == Counter({str(key): counts[key] for key in COUNTED if counts[key]})
        assert sum(line["requests"] for line in lines) == report["requests"]["sent"]
        assert sum(line["probes"] for line in lines) == report["requests"]["probes"] > 0
        assert sum(line["batch_seconds"]["in_flight"] for line in lines) == pytest.approx(
            report["progress"]["seconds"]["in_flight"]
        )


def test_a_line_about_an_answer_names_its_batch_and_attempt(
    troubled: Stack, jobs: dict[str, dict[str, Any]]
) -> None:
    told = Log(troubled).lines("exceptional answer")
    assert {line["job_id"] for line in told} == set(jobs)
    refused = {
        (name, (row["line"] - 1) // MAX_BATCH)
        for name in jobs
        for row in troubled.rows(name)
        if row["http_status"] == 400
    }
    for line in told:
        assert line["status"] == 400
        assert line["slice"] == 0
        assert line["attempt"] >= 1
        assert (line["job_id"], line["batch"]) in refused


def test_the_apis_names_of_exceptional_requests_are_kept(
    troubled: Stack, jobs: dict[str, dict[str, Any]]
) -> None:
    for name, report in jobs.items():
        told = [line["request_id"] for line in Log(troubled).lines("exceptional answer", job_id=name)]
        assert report["requests"]["request_ids"] == {"400": told}
        assert len(told) == 3, "an API in trouble is not to fill the log too"
    assert TOKEN not in troubled.log.read_text()


def test_the_end_of_a_job_is_told_though_no_worker_lived_then(tmp_path: Path, api: Simulator) -> None:
    with valkey9() as real, Stack(tmp_path, real.server.url) as stack:
        job = stack.submit(new_ids(15))
        assert stack.cli("cancel", job, "--reason", "not today").code == 0
        stack.worker(api)
        until(lambda: bool(stack.log.exists() and Log(stack).lines("job ended", job_id=job)))
        (line,) = Log(stack).lines("job ended", job_id=job)
        assert (line["state"], line["reason"]) == ("cancelled", "user")
        assert line["counts"]["not_attempted"] == 15
