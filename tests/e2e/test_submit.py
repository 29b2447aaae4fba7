"""The main job for a team: submit to a shared Redis, workers elsewhere."""

import json
import math
import subprocess
import urllib.request

import pytest

from tests.e2e.stack import (
    BULK_ACTIVATE,
    CELERY,
    ORG,
    TIMEOUT,
    TOKEN,
    Simulator,
    Stack,
    agree,
    cli,
    environment,
    expected,
    new_ids,
    simulator,
    until,
)


def test_forty_thousand_ids_through_two_worker_processes(stack: Stack, api: Simulator) -> None:
    ids = new_ids(40_000)
    job_id = stack.submit(ids)
    stack.worker(api, "--concurrency", "2", rate=5000)
    sums = []

    def rests() -> bool:
        report = stack.report(job_id)
        counts = report["counts"]
        sums.append((sum(counts.values()) - counts["total"], report["balanced"]))
        return bool(report["state"] == "completed")

    until(rests)
    assert set(sums) == {(40_000, True)}
    world = api.world()
    rows = stack.rows(job_id)
    assert [row["id"] for row in rows] == ids
    assert [row["outcome"] for row in rows] == [expected(world, token_id) for token_id in ids]
    requests = stack.report(job_id)["requests"]
    stats = api.stats()
    assert requests["sent"] == stats["requests"] == math.ceil(len(ids) / 15)
    assert stats["over_limit"] == stats["repeated_ids_in_request"] == stats["ids_sent_again"] == 0
    verified = stack.cli("verify", job_id)
    assert verified.code == 0, verified.err
    assert "40,000 ids" in verified.out


def test_every_line_of_the_input_is_accounted_for(stack: Stack, api: Simulator) -> None:
    ids = new_ids(50)
    lines = [*ids[:20], "", "not an id", ids[3], *ids[20:], "x" * 300]
    job_id = stack.submit(lines)
    stack.worker(api)
    watched = stack.cli("status", job_id, "--watch", "-o", "json")
    assert watched.json()["manifest"] | {"sha256": ""} == {
        "sha256": "",
        "lines": 53,
        "unique": 50,
        "duplicates": 1,
        "malformed": 2,
    }
    rows = {row["line"]: row for row in stack.rows(job_id)}
    assert set(rows) == set(range(1, 55)) - {21}
    assert (rows[22]["outcome"], rows[22]["reason"], rows[22]["id"]) == ("skipped", "MALFORMED", None)
    assert (rows[23]["outcome"], rows[23]["reason"], rows[23]["id"]) == ("skipped", "DUPLICATE", ids[3])
    assert rows[23]["message"] == "first on line 4"
    assert {entry["sent"] for entry in api.world().values()} == {1}


@pytest.mark.parametrize(
    ("options", "code"), [([], 0), (["--fail", "1"], 3), (["--active", "1"], 0), (["--forbid"], 4)]
)
def test_a_watch_exits_by_what_became_of_the_job(stack: Stack, options: list[str], code: int) -> None:
    with simulator(*options) as api:
        stack.worker(api)
        done = stack.cli("submit", "-", "--org", ORG, "--watch", given="\n".join(new_ids(40)))
        assert done.code == code, done.err
        assert done.err.splitlines()[-1].startswith("Next: bulk-activate re")
        listed = stack.cli("list").out.splitlines()
        assert listed[0].split()[:5] == ["job", "state", "ids", "active", "failed"]
        # Those that were active before are no less active.
        assert listed[1].split()[2:4] == ["40", "0" if code else "40"]


def test_a_watch_times_out_and_the_job_goes_on(stack: Stack) -> None:
    job_id = stack.submit(new_ids(40))
    done = stack.cli("status", job_id, "--watch", "--timeout", "0.1s")
    assert done.code == 124
    assert job_id in done.err
    assert stack.report(job_id)["state"] == "queued"


def test_the_same_request_id_gives_the_same_job(stack: Stack) -> None:
    ids = new_ids(30)
    first = stack.submit(ids, "--request-id", "incident-7")
    assert stack.submit(ids, "--request-id", "incident-7") == first
    other = stack.cli("submit", "-", "--org", ORG, "--request-id", "incident-7", given="another-id")
    assert other.code == 2
    assert first in other.err
    assert len(stack.cli("list", "-o", "json").json()) == 1


def test_a_refused_credential_pauses_the_job_and_resume_finishes_it(stack: Stack) -> None:
    with simulator() as api:
        api.control(refuse_exchange=True)
        job_id = stack.submit(new_ids(100))
        stack.worker(api)
        watched = stack.cli("status", job_id, "--watch", "-o", "json")
        assert watched.code == 4
        assert watched.json()["state"] == "paused"
        assert watched.json()["state_reason"]["code"] == "credential_rejected"
        api.control(refuse_exchange=False)
        assert stack.cli("resume", job_id).code == 0
        assert stack.cli("status", job_id, "--watch").code == 0


def test_pause_and_cancel_act_and_are_idempotent(stack: Stack) -> None:
    with simulator() as api:
        job_id = stack.submit(new_ids(3000))
        stack.worker(api, rate=20)
        until(lambda: stack.report(job_id)["counts"]["activated"] > 0)
        for _ in range(2):
            assert stack.cli("pause", job_id, "--reason", "lunch").code == 0
        assert stack.report(job_id)["state_reason"]["message"] == "lunch"
        for _ in range(2):
            assert stack.cli("cancel", job_id).code == 0
        assert stack.cli("status", job_id, "--watch").code == 4
        refused = stack.cli("resume", job_id)
        assert refused.code == 2
        assert "cancelled" in refused.err
        assert stack.cli("verify", job_id).code == 0
        sent = {token_id for token_id, entry in api.world().items() if entry["active"]}
        assert {row["id"] for row in stack.rows(job_id) if row["outcome"] == "activated"} == sent


def test_a_killed_worker_is_followed_by_another(stack: Stack, api: Simulator) -> None:
    ids = new_ids(3000)
    job_id = stack.submit(ids)
    doomed = stack.worker(api, rate=100)
    until(lambda: stack.report(job_id)["counts"]["activated"] > 100)
    doomed.kill()
    doomed.wait()
    stack.worker(api)
    until(lambda: stack.report(job_id)["state"] == "completed")
    assert agree(stack.rows(job_id), api.world())
    assert stack.cli("verify", job_id).code == 0


def test_a_stopped_worker_gives_back_and_sends_nothing_twice(stack: Stack, api: Simulator) -> None:
    job_id = stack.submit(new_ids(3000))
    first = stack.worker(api, rate=100)
    until(lambda: stack.report(job_id)["counts"]["activated"] > 100)
    first.terminate()
    assert first.wait(TIMEOUT) == 0
    assert stack.report(job_id)["counts"]["ambiguous"] == 0
    stack.worker(api)
    until(lambda: stack.report(job_id)["state"] == "completed")
    assert {entry["sent"] for entry in api.world().values()} == {1}


def test_plain_celery_and_flower_find_the_app(stack: Stack, api: Simulator) -> None:
    settings = {"API_URL": api.url, "API_TOKEN": TOKEN, "RATE": "100"}
    stack.start([CELERY, "-A", "worker", "flower", "--port=0", "--address=127.0.0.1"], **settings)
    stack.start([CELERY, "-A", "worker", "worker", "-E"], **settings)
    ids = new_ids(60)
    job_id = stack.submit(ids)
    until(lambda: stack.report(job_id)["state"] == "completed")
    # No secret and no id reaches the log of either.
    text = stack.log.read_text()
    assert TOKEN not in text
    assert not any(token_id in text for token_id in ids)


def test_results_can_be_narrowed_and_written_to_a_file(stack: Stack, api: Simulator) -> None:
    ids = new_ids(200)
    job_id = stack.submit(ids)
    stack.worker(api)
    until(lambda: stack.report(job_id)["state"] == "completed")
    one = stack.cli("results", job_id, "--id", ids[7], "-o", "ndjson")
    assert json.loads(one.out)["line"] == 8
    target = stack.home / "failed.csv"
    assert stack.cli("results", job_id, "--outcome", "failed", "--output", str(target)).code == 0
    failed = [row["id"] for row in stack.rows(job_id) if row["outcome"] == "failed"]
    written = target.read_text().splitlines()
    assert [line.split(",")[1] for line in written[1:]] == failed
    # It goes straight back in, its header known.
    again = stack.cli("submit", str(target), "--org", ORG)
    assert stack.report(again.out.strip())["manifest"]["unique"] == len(failed)


def test_nothing_is_asked_of_the_api_by_a_submitter(stack: Stack, api: Simulator) -> None:
    stack.submit(new_ids(10))
    assert api.stats()["requests"] == api.stats()["exchanges"] == 0


def test_an_empty_list_is_a_job_with_nothing_to_do(stack: Stack) -> None:
    done = stack.cli("submit", "-", "--org", ORG, "--watch", given="\n\n")
    assert done.code == 0
    report = stack.report(done.out.strip())
    assert (report["state"], report["outcome"]) == ("completed", "nothing_to_do")


def test_the_simulator_answers_on_loopback_alone() -> None:
    with simulator() as api, urllib.request.urlopen(f"{api.url}/stats") as answer:
        assert answer.status == 200
    assert cli("simulator", "--host", "0.0.0.0").code == 2


def test_a_reader_of_the_results_may_stop_after_a_few_rows(stack: Stack) -> None:
    """As `head` does: that is the end of the command, and no error."""
    job_id = stack.submit(new_ids(20_000))
    results = subprocess.Popen(
        [BULK_ACTIVATE, "results", job_id],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment({"REDIS_URL": stack.redis_url}),
    )
    assert results.stdout is not None
    assert results.stderr is not None
    with results.stdout as out, results.stderr as err:
        assert out.readline().startswith(b"line,")
        out.close()
        assert (err.read(), results.wait(TIMEOUT)) == (b"", 0)


def test_csv_begins_with_a_byte_order_mark_where_excel_is_to_read_it(stack: Stack) -> None:
    job_id = stack.submit(["eins", "zw\u00f6lf"])
    plain, marked = stack.cli("results", job_id), stack.cli("results", job_id, "--bom")
    assert (marked.code, marked.out) == (0, f"\ufeff{plain.out}")
    refused = stack.cli("results", job_id, "--bom", "-o", "ndjson")
    assert (refused.code, refused.out) == (2, "")
    assert "only CSV takes a byte order mark" in refused.err
