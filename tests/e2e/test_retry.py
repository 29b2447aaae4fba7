"""A job that ended early is taken up again, until its family accounts for every id."""

import json

import pytest

from tests.e2e.stack import ORG, Simulator, Stack, agree, expected, new_ids, until
from tests.reports.pages import Parsed


@pytest.fixture
def parent(stack: Stack, api: Simulator) -> tuple[str, list[str]]:
    """A job that was cancelled half-way, and its ids. Line 2 is blank, line 4 a duplicate."""
    ids = new_ids(1500)
    job_id = stack.submit([ids[0], "", ids[1], ids[0], *ids[2:]], "--label", "why=incident")
    worker = stack.worker(api, rate=5)
    until(lambda: stack.report(job_id)["counts"]["activated"] > 30)
    # So that it is still under way, however long the commands take.
    assert stack.cli("pause", job_id).code == 0
    assert stack.cli("retry", job_id).code == 2
    assert stack.cli("purge", job_id).code == 2
    stack.cli("cancel", job_id)
    until(lambda: stack.report(job_id)["state"] == "cancelled")
    worker.terminate()
    worker.wait()
    return job_id, ids


def test_a_retry_takes_up_what_was_left(stack: Stack, api: Simulator, parent: tuple[str, list[str]]) -> None:
    job_id, ids = parent
    before = stack.report(job_id)["counts"]
    done = stack.cli("retry", job_id, "--outcome", "not_attempted,unknown")
    child = done.out.strip()
    assert done.out == f"{child}\n"
    report = stack.report(child)
    assert report["counts"]["total"] == before["not_attempted"] + before["unknown"]
    assert (report["parent_job_id"], report["root_job_id"]) == (job_id, job_id)
    assert (report["org_id"], report["labels"]) == (ORG, {"why": "incident"})
    moving = [
        json.loads(line) for line in stack.cli("results", job_id, "--merged", "-o", "ndjson").out.splitlines()
    ]
    assert [row["outcome"] for row in moving].count("pending") == report["counts"]["total"]
    stack.worker(api)
    assert stack.cli("status", child, "--watch").code == 3
    # Its lines are those of the first list.
    lines = {row["id"]: row["line"] for row in stack.rows(job_id) if row["outcome"] != "skipped"}
    rows = stack.rows(child)
    assert rows
    assert all(lines[row["id"]] == row["line"] for row in rows)

    merged = [
        json.loads(line) for line in stack.cli("results", child, "--merged", "-o", "ndjson").out.splitlines()
    ]
    assert [row["line"] for row in merged] == [1, *range(3, 1503)]
    world = api.world()
    assert agree(merged, world)
    latest = {row["id"]: row["outcome"] for row in merged if row["outcome"] != "skipped"}
    assert latest == {token_id: expected(world, token_id) for token_id in ids}
    failed = stack.cli("results", job_id, "--merged", "--outcome", "failed", "-o", "ndjson").out.splitlines()
    assert len(failed) == list(latest.values()).count("failed")

    page = stack.home / "merged.html"
    assert stack.cli("report", child, "--merged", "--output", str(page)).code == 0
    active = sum(outcome != "failed" for outcome in latest.values())
    shown = Parsed(page.read_text()).text
    assert f"{active:,} of 1,500 tokens are active; {1500 - active} refused." in shown
    assert "2 jobs" in shown

    again = stack.cli("retry", child, "--watch")
    assert again.code == 3
    grandchild = stack.report(again.out.strip())
    assert (grandchild["parent_job_id"], grandchild["root_job_id"]) == (child, job_id)
    assert (
        grandchild["counts"]["total"]
        == report["counts"]["total"]
        - stack.report(child)["counts"]["activated"]
        - (stack.report(child)["counts"]["already_active"])
    )


def test_what_is_gone_of_a_family_is_not_passed_over(stack: Stack) -> None:
    job_id = stack.submit(new_ids(20))
    stack.cli("cancel", job_id)
    children = [stack.cli("retry", job_id).out.strip() for _ in range(2)]
    assert len({job_id, *children}) == 3
    stack.cli("cancel", children[0])
    assert stack.cli("purge", children[0]).code == 0
    assert stack.cli("status", children[0]).code == 5
    merged = stack.cli("results", job_id, "--merged")
    assert (merged.code, merged.out) == (5, "")
    assert children[0] in merged.err
    assert stack.cli("results", job_id).code == 0


def test_a_retry_of_a_job_without_failures_has_nothing_to_do(stack: Stack) -> None:
    job_id = stack.submit([])
    done = stack.cli("retry", job_id, "--watch")
    assert done.code == 0
    assert stack.report(done.out.strip())["outcome"] == "nothing_to_do"
    refused = stack.cli("retry", job_id, "--outcome", "activated")
    assert refused.code == 2
    assert "nothing to retry about activated" in refused.err
