"""What is read over HTTP is what the commands print."""

import json
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from producers import Client
from producers.web.results import FORMS
from tests.e2e.stack import ORG, cli, new_ids
from tests.servers import RealServer
from tests.web.conftest import Submit
from tests.web.served import TEXT, Served, code_of
from worker.store import keys


def test_the_document_is_what_status_prints(admin: httpx.Client, submit: Submit, valkey: RealServer) -> None:
    job = submit()["job_id"]
    answer = admin.get(f"/api/v1/jobs/{job}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == cli("status", job, "-o", "json", REDIS_URL=valkey.server.url).out


def test_a_document_that_the_client_has_is_304_until_it_changes(admin: httpx.Client, submit: Submit) -> None:
    path = f"/api/v1/jobs/{submit()['job_id']}"
    tag = admin.get(path).headers["etag"]
    for given in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        same = admin.get(path, headers={"If-None-Match": given})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    admin.post(f"{path}/pause")
    changed = admin.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["state"]) == (200, "paused")


def in_thread(call: Callable[[], httpx.Response]) -> Callable[[], httpx.Response]:
    """Begins `call`; the function returned waits for its end."""
    found: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()

    def result() -> httpx.Response:
        thread.join(60)
        return found[0]

    return result


def test_a_wait_is_answered_once_the_document_differs(
    server: Served, admin: httpx.Client, submit: Submit
) -> None:
    path = f"/api/v1/jobs/{submit()['job_id']}"
    tag = admin.get(path).headers["etag"]
    other = server.client("viewer")
    waiting = in_thread(lambda: other.get(path, params={"wait": 60}, headers={"If-None-Match": tag}))
    admin.post(f"{path}/pause", json={"reason": "look"})
    assert waiting().json()["state"] == "paused"
    # One that differs already is answered at once.
    assert admin.get(path, params={"wait": 60}, headers={"If-None-Match": tag}).status_code == 200


def test_a_wait_without_a_tag_is_answered_once_the_job_rests(
    server: Served, admin: httpx.Client, submit: Submit
) -> None:
    path = f"/api/v1/jobs/{submit()['job_id']}"
    waiting = in_thread(lambda: server.client("viewer").get(path, params={"wait": 60}))
    admin.post(f"{path}/pause")
    admin.post(f"{path}/cancel")
    assert waiting().json()["state"] == "cancelled"
    tag = admin.get(path, params={"wait": 60}).headers["etag"]
    assert admin.get(path, params={"wait": 60}, headers={"If-None-Match": tag}).status_code == 304


def test_a_wait_ends_with_its_time(admin: httpx.Client, submit: Submit) -> None:
    path = f"/api/v1/jobs/{submit()['job_id']}"
    tag = admin.get(path).headers["etag"]
    began = time.monotonic()
    assert admin.get(path, params={"wait": 0.2}, headers={"If-None-Match": tag}).status_code == 304
    assert admin.get(path, params={"wait": 0.2}).status_code == 200
    assert time.monotonic() - began >= 0.4
    for wrong in ("-1", "nan", "x"):
        assert code_of(admin.get(path, params={"wait": wrong})) == (400, "bad_input")


@pytest.mark.parametrize(
    "accept", [*FORMS, None, "*/*", "text/*", "application/x-ndjson;q=0.5, text/csv;q=0.1"]
)
@pytest.mark.parametrize("merged", [False, True])
def test_results_are_the_bytes_that_the_command_prints(
    admin: httpx.Client, valkey: RealServer, client: Client, accept: str | None, merged: bool
) -> None:
    if accept == "application/vnd.apache.parquet":
        pytest.importorskip("pyarrow")
    body = "one\n=2\none\nbad id\n" + "\n".join(new_ids(5000))
    job = client.job(
        admin.post("/api/v1/jobs", params={"org_id": ORG}, content=body, headers=TEXT).json()["job_id"]
    )
    job.cancel()
    job.retry(outcomes="not_attempted")
    named = (accept or "*/*").partition(";")[0]
    media_type = named if named in FORMS else "text/csv"
    written: list[bytes] = []
    job.write_results(written.append, FORMS[media_type], merged=merged)
    answer = admin.get(
        f"/api/v1/jobs/{job.id}/results",
        params={"merged": merged},
        headers={} if accept is None else {"Accept": accept},
    )
    assert answer.headers["content-type"].partition(";")[0] == media_type
    assert answer.content == b"".join(written)
    if media_type == "text/csv":
        merge = ["--merged"] if merged else []
        assert answer.text == cli("results", job.id, *merge, REDIS_URL=valkey.server.url).out


def test_rows_are_chosen_by_outcome_and_id(admin: httpx.Client, submit: Submit, client: Client) -> None:
    job = client.job(submit(50)["job_id"])
    ids = [row.id for row in job.results()]

    def rows(**parameters: object) -> list[str]:
        answer = admin.get(
            f"/api/v1/jobs/{job.id}/results",
            params=parameters,  # type: ignore[arg-type]
            headers={"Accept": "application/x-ndjson"},
        )
        return [json.loads(line)["id"] for line in answer.text.splitlines()]

    assert rows(outcome="pending") == ids
    assert rows(outcome="failed,unknown") == []
    assert rows(outcome=["failed", "pending"]) == ids
    assert rows(id=[ids[3], ids[1], "nowhere"]) == [ids[1], ids[3]]
    assert code_of(admin.get(f"/api/v1/jobs/{job.id}/results?outcome=done")) == (400, "bad_input")
    wrong = admin.get(f"/api/v1/jobs/{job.id}/results", headers={"Accept": "image/png"})
    assert code_of(wrong) == (406, "not_acceptable")


def test_the_page_is_what_report_writes_and_runs_no_script(
    admin: httpx.Client, submit: Submit, client: Client
) -> None:
    job = client.job(submit()["job_id"])
    job.cancel()
    answer = admin.get(f"/api/v1/jobs/{job.id}/report.html")
    assert answer.text == job.page()
    assert "sandbox" in answer.headers["content-security-policy"]
    assert admin.get(f"/api/v1/jobs/{job.id}/report.html?merged=true").text == job.page(merged=True)


def test_a_recount_says_whether_the_job_is_balanced(admin: httpx.Client, submit: Submit) -> None:
    job = submit(30)["job_id"]
    found = admin.post(f"/api/v1/jobs/{job}/verify")
    assert found.status_code == 200
    assert (found.json()["balanced"], found.json()["differences"]) == (True, [])
    assert found.json()["recounted"]["total"] == 30


def test_jobs_are_listed_in_pages_that_miss_none(admin: httpx.Client, submit: Submit) -> None:
    made = [submit(1)["job_id"] for _ in range(7)][::-1]
    listed: list[str] = []
    token: str | None = None
    while len(listed) < len(made):
        parameters = {"limit": "3", **({} if token is None else {"page_token": token})}
        page = admin.get("/api/v1/jobs", params=parameters).json()
        listed += [job["job_id"] for job in page["jobs"]]
        token = page["next_page_token"]
        # A job that was the last of a page may be gone by the next one.
        admin.post(f"/api/v1/jobs/{listed[-1]}/cancel")
        admin.delete(f"/api/v1/jobs/{listed[-1]}")
    # Other tests submit beside this one.
    assert [job for job in listed if job in made][:6] == made[:6] or set(made[:3]) <= set(listed)
    assert len(set(listed)) == len(listed)
    assert code_of(admin.get("/api/v1/jobs?page_token=x")) == (400, "bad_input")
    assert code_of(admin.get("/api/v1/jobs?limit=0")) == (400, "bad_input")
    assert code_of(admin.get("/api/v1/jobs?state=asleep")) == (400, "bad_input")


def test_jobs_are_listed_by_their_state(admin: httpx.Client, submit: Submit) -> None:
    queued, cancelled = submit()["job_id"], submit()["job_id"]
    admin.post(f"/api/v1/jobs/{cancelled}/cancel")
    ids = {
        state: {job["job_id"] for job in admin.get(f"/api/v1/jobs?state={state}&limit=1000").json()["jobs"]}
        for state in ("queued", "cancelled")
    }
    assert queued in ids["queued"] - ids["cancelled"]
    assert cancelled in ids["cancelled"] - ids["queued"]


@pytest.mark.parametrize("job_id", ["nowhere", "20261129-000000-00000000", "{x}", "a%0d%0ab", "a b", "é"])
def test_no_job_is_404_however_it_is_called(admin: httpx.Client, job_id: str) -> None:
    for path in ("", "/results", "/events", "/report.html"):
        assert code_of(admin.get(f"/api/v1/jobs/{job_id}{path}")) == (404, "no_such_job")


def test_a_path_or_a_method_that_there_is_not_is_a_problem_too(admin: httpx.Client) -> None:
    assert code_of(admin.get("/nowhere")) == (404, "not_found")
    wrong = admin.put("/api/v1/jobs")
    assert code_of(wrong) == (405, "method_not_allowed")
    assert "GET" in wrong.headers["allow"]


def test_a_damaged_record_is_answered_without_a_word_on_redis(
    server: Served, admin: httpx.Client, submit: Submit, client: Client, valkey: RealServer
) -> None:
    job = submit()["job_id"]
    # As somebody with access to Redis does.
    redis, key = client._session._redis, keys.job(job)
    redis.delete(key)
    redis.lpush(key, "foreign")
    answer = admin.get(f"/api/v1/jobs/{job}")
    assert code_of(answer) == (500, "damaged_record")
    where = str(valkey.home)
    assert where not in answer.text
    assert "WRONGTYPE" not in answer.text
    why = [event["why"] for event in server.events() if job in event.get("path", "") and "why" in event]
    assert any(where in each and "WRONGTYPE" in each for each in why)
    # Others list the jobs of this Redis.
    redis.delete(key)
