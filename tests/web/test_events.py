"""Event streams, and the end of the server while they, waits, results and uploads are under way."""

import json
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from producers import Client
from tests.e2e.stack import ORG, Simulator, Stack, new_ids, simulator, until
from tests.servers import RealServer, valkey9
from tests.web.conftest import Submit
from tests.web.described import every_request
from tests.web.served import ENDS_WITHIN, TEXT, Served, code_of, served

JOBS = f"/api/v1/jobs?org_id={ORG}"


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """The events of a stream, as a browser sees them; comments as `comment`."""
    name, data = "message", ""
    for line in lines:
        if line.startswith(":"):
            yield "comment", line
        elif line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data += line.removeprefix("data: ")
        elif not line and data:
            yield name, json.loads(data)
            name, data = "message", ""


@pytest.fixture
def api() -> Iterator[Simulator]:
    with simulator("--fail", "0.05") as running:
        yield running


def test_a_job_is_followed_from_its_list_to_its_end(
    server: Served, valkey: RealServer, submit: Submit, api: Simulator, tmp_path: Path
) -> None:
    job = submit(2000)["job_id"]
    path, client = f"/api/v1/jobs/{job}", server.client("viewer")
    with Stack(tmp_path, valkey.server.url) as stack, client.stream("GET", f"{path}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        stack.worker(api, "--job", job, rate=100)
        began = time.monotonic()
        found = [each for each in events(stream.iter_lines()) if each[0] != "comment"]
        took = time.monotonic() - began
    assert found[-1] == ("end", {"state": "completed"})
    reports = [report for name, report in found if name == "report"]
    assert len(reports) == len(found) - 1
    # Twice a second at most, after the first one.
    assert len(reports) <= 2 * took + 2
    assert [report["job_id"] for report in reports] == [job] * len(reports)
    assert reports[-1] == client.get(path).json()
    # Each one differs from that before it, and no id is lost on the way.
    assert all(one != other for one, other in pairwise(reports))
    settled = [report["counts"]["total"] - report["counts"]["pending"] for report in reports]
    assert settled == sorted(settled)
    assert len(set(settled)) > 2
    assert client.get(path, params={"wait": 60}).json()["state"] == "completed"
    assert client.post(f"{path}/verify").json()["balanced"]


def test_the_stream_of_a_job_at_rest_ends_at_once(admin: httpx.Client, submit: Submit) -> None:
    path = f"/api/v1/jobs/{submit()['job_id']}"
    admin.post(f"{path}/cancel")
    with admin.stream("GET", f"{path}/events") as stream:
        assert [name for name, _ in events(stream.iter_lines())] == ["report", "end"]


def test_a_stream_ends_with_the_record_of_its_job(
    server: Served, admin: httpx.Client, submit: Submit, client: Client
) -> None:
    job = submit()["job_id"]
    with server.client("viewer").stream("GET", f"/api/v1/jobs/{job}/events") as stream:
        found = events(stream.iter_lines())
        assert next(found)[0] == "report"
        client.job(job).cancel()
        client.job(job).purge()
        assert all(name in {"report", "end"} for name, _ in found)


def test_an_outage_of_redis_is_told_and_waited_for(tmp_path: Path) -> None:
    with valkey9() as real, served(real.server.url, tmp_path) as server:
        client, other = server.client("admin"), server.client("admin")
        job = client.post(JOBS, content="\n".join(new_ids(100_000)), headers=TEXT).json()["job_id"]
        path = f"/api/v1/jobs/{job}"
        assert client.get("/readyz").status_code == 200
        tag = client.get(path).headers["etag"]
        with (
            client.stream("GET", f"{path}/events") as stream,
            server.ask("GET", f"{path}?wait=60", f"If-None-Match: {tag}") as wait,
            # It reads a little only.
            server.ask("GET", f"{path}/results", "Connection: close") as reader,
        ):
            found, rows = events(stream.iter_lines()), reader.makefile("rb")
            assert next(found)[0] == "report"
            assert rows.readline().startswith(b"HTTP/1.1 200 ")
            real.stop()
            for asked in every_request(server.url):
                answer = asked.send(other, job)
                if asked.name in {"isAlive", "planList"}:
                    assert answer.status_code == 200
                else:
                    assert code_of(answer) == (503, "store_unreachable"), asked
                    assert answer.headers["retry-after"] == "5"
            assert not server.spooled()
            # Cut, not ended, and nothing but rows.
            assert not rows.read().endswith(b"\r\n0\r\n\r\n")
            real.start()
            until(lambda: other.get("/readyz").status_code == 200)
            other.post(f"{path}/cancel")
            assert list(found)[-1] == ("end", {"state": "cancelled"})
            assert wait.makefile("rb").readline().startswith(b"HTTP/1.1 200 ")
        with real.paused(), server.ask("GET", path) as hung:
            began = time.monotonic()
            assert server.end() == 0
            assert time.monotonic() - began < ENDS_WITHIN
            refused = hung.makefile("rb").read()
            assert refused.startswith(b"HTTP/1.1 503 ")
            assert b"shutting_down" in refused
        assert "Traceback" not in server.log.read_text()


def test_sigterm_ends_whatever_is_under_way_and_leaves_nothing_behind(
    valkey: RealServer, client: Client, tmp_path: Path
) -> None:
    job, before = client.submit(new_ids(200_000), org_id=ORG), {each.job_id for each in client.summaries()}
    path, whole = f"/api/v1/jobs/{job.id}", "\n".join(new_ids(300_000)).encode()
    with served(valkey.server.url, tmp_path) as server:
        tag = server.client("viewer").get(path).headers["etag"]
        stream = server.ask("GET", f"{path}/events")
        wait = server.ask("GET", f"{path}?wait=60", f"If-None-Match: {tag}")
        upload = server.ask("POST", JOBS, "Content-Type: text/plain", "Content-Length: 1000000")
        upload.sendall(b"an-id\n")
        reason = server.ask("POST", f"{path}/pause", "Content-Type: application/json", "Content-Length: 2")
        # They read nothing: one a part of a head, the other rows.
        half = server.connect(b"GET / HTTP/1.1\r\nHost: loc")
        slow = server.ask("GET", f"{path}/results")
        stream_file = stream.makefile("rb")
        while b"event: report" not in stream_file.readline():
            pass
        until(lambda: slow.recv(1, socket.MSG_PEEK) == b"H")
        # These have come whole: they are stored, or counted.
        body = ("Content-Type: text/plain", f"Content-Length: {len(whole)}")
        plan, submission = server.ask("POST", "/api/v1/plans", *body), server.ask("POST", JOBS, *body)
        plan.sendall(whole)
        submission.sendall(whole)
        until(lambda: any(True for _ in client.summaries("preparing")))
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < ENDS_WITHIN
        assert b"event: end" not in stream_file.read()
        assert wait.makefile("rb").readline().startswith(b"HTTP/1.1 304 ")
        for refused in (upload, reason):
            answer = refused.makefile("rb").read()
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"shutting_down" in answer
        for begun, ended in ((plan, b"200"), (submission, b"201")):
            assert begun.makefile("rb").read().startswith((b"HTTP/1.1 503 ", b"HTTP/1.1 " + ended))
        # What came whole is either a whole job or none.
        for summary in client.summaries():
            if summary.job_id not in before:
                assert client.job(summary.job_id).verify().balanced
                assert (summary.state, summary.counts["total"]) == ("queued", 300_000)
        for connection in (stream, wait, upload, reason, half, slow, plan, submission):
            connection.close()
        assert "Traceback" not in server.log.read_text()


def test_a_reader_who_stops_reading_holds_up_nobody(
    server: Served, admin: httpx.Client, client: Client
) -> None:
    path = f"/api/v1/jobs/{client.submit(new_ids(100_000), org_id=ORG).id}"
    slow = [server.ask("GET", f"{path}/results") for _ in range(40)]
    for connection in slow:
        assert connection.recv(1) == b"H"
    for media_type in ("text/csv", "application/x-ndjson"):
        answer = admin.get(f"{path}/results", headers={"Accept": media_type})
        assert answer.text.count("\n") >= 100_000
    assert admin.get(path).status_code == 200
    for connection in slow:
        connection.close()


def test_results_that_cannot_be_read_to_the_end_are_cut_not_ended(
    admin: httpx.Client, client: Client
) -> None:
    job = client.submit(new_ids(50_000), org_id=ORG).id
    # As somebody with access to Redis does.
    client._session._redis.delete(f"bulk:{{{job}}}:ids:16")
    with pytest.raises(httpx.RemoteProtocolError):
        admin.get(f"/api/v1/jobs/{job}/results")
    client.job(job).cancel()
    client.job(job).purge()
    assert admin.get("/healthz").status_code == 200


def test_the_address_that_is_taken_or_wrong_is_a_usage_error(server: Served, tmp_path: Path) -> None:
    from tests.e2e.stack import cli  # noqa: PLC0415

    port = str(urlsplit(server.url).port)
    keys = str(server.log.with_name("keys"))
    for options in (("--port", port), ("--host", "no.such.host.invalid"), ("--port", "65536")):
        done = cli("serve", *options, SERVE_KEYS_FILE=keys)
        assert done.code == 2, done.err
