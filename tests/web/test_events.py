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
from producers.web.reading import FORMS
from tests.e2e.stack import ORG, Simulator, Stack, new_ids, simulator, until
from tests.servers import valkey9
from tests.web.conftest import Submit
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
def stack(tmp_path: Path) -> Iterator[Stack]:
    with valkey9() as real, Stack(tmp_path, real.server.url) as running:
        yield running


@pytest.fixture
def api() -> Iterator[Simulator]:
    with simulator("--fail", "0.05") as running:
        yield running


def test_a_job_is_followed_from_its_list_to_its_end(stack: Stack, api: Simulator, tmp_path: Path) -> None:
    with served(stack.redis_url, tmp_path) as server:
        stack.worker(api, rate=100)
        client = server.client("operator")
        body = "\n".join(new_ids(3000))
        job = client.post(JOBS, content=body, headers=TEXT).json()
        path = f"/api/v1/jobs/{job['job_id']}"
        with client.stream("GET", f"{path}/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.headers["cache-control"] == "no-store"
            found = [each for each in events(stream.iter_lines()) if each[0] != "comment"]
        assert found[-1] == ("end", {"state": "completed"})
        reports = [report for name, report in found if name == "report"]
        assert len(reports) == len(found) - 1
        assert [report["job_id"] for report in reports] == [job["job_id"]] * len(reports)
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


def test_streams_go_on_over_an_outage_of_redis(stack: Stack, tmp_path: Path) -> None:
    with valkey9() as real, served(real.server.url, tmp_path) as server:
        client = server.client("admin")
        job = client.post(JOBS, content="\n".join(new_ids(5)), headers=TEXT).json()["job_id"]
        assert client.get("/readyz").status_code == 200
        with client.stream("GET", f"/api/v1/jobs/{job}/events") as stream:
            found = events(stream.iter_lines())
            assert next(found)[0] == "report"
            real.stop()
            other = server.client("admin")
            for answer in (other.get("/readyz"), other.get(f"/api/v1/jobs/{job}"), other.get("/api/v1/jobs")):
                assert code_of(answer) == (503, "store_unreachable")
                assert "redis" not in answer.text.lower().replace("redis cannot be used", "")
            assert other.get("/healthz").status_code == 200
            real.start()
            until(lambda: other.get("/readyz").status_code == 200)
            other.post(f"/api/v1/jobs/{job}/cancel")
            assert list(found)[-1][0] == "end"
        assert not any("Traceback" in line for line in server.log.read_text().splitlines())


def connected(server: Served, method: str, path: str, more: str = "") -> socket.socket:
    """A connection on which the head of a request was sent, and nothing read."""
    parts = urlsplit(server.url)
    connection = socket.create_connection((parts.hostname, parts.port))
    connection.sendall(
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.secrets['admin']}\r\n"
        f"{more}\r\n".encode()
    )
    return connection


def test_sigterm_ends_whatever_is_under_way_and_leaves_nothing_behind(stack: Stack, tmp_path: Path) -> None:
    with served(stack.redis_url, tmp_path) as server, Client(redis_url=stack.redis_url) as outside:
        client = server.client("admin")
        job = client.post(JOBS, content="\n".join(new_ids(200_000)), headers=TEXT).json()["job_id"]
        tag = client.get(f"/api/v1/jobs/{job}").headers["etag"]
        stream = connected(server, "GET", f"/api/v1/jobs/{job}/events")
        wait = connected(server, "GET", f"/api/v1/jobs/{job}?wait=60", f"If-None-Match: {tag}\r\n")
        upload = connected(server, "POST", JOBS, "Content-Type: text/plain\r\nContent-Length: 1000000\r\n")
        upload.sendall(b"an-id\n")
        # They read nothing: one a part of a head, the other rows.
        half = socket.create_connection((urlsplit(server.url).hostname, urlsplit(server.url).port))
        half.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        slow = connected(server, "GET", f"/api/v1/jobs/{job}/results")
        stream_file = stream.makefile("rb")
        while b"event: report" not in stream_file.readline():
            pass
        until(lambda: slow.recv(1, socket.MSG_PEEK) == b"H")
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < ENDS_WITHIN
        assert b"event: end" not in stream_file.read()
        assert wait.makefile("rb").read().startswith(b"HTTP/1.1 304 ")
        refused = upload.makefile("rb").read()
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"shutting_down" in refused
        assert [summary.job_id for summary in outside.summaries()] == [job]
        for connection in (stream, wait, upload, half, slow):
            connection.close()


def test_a_submission_under_way_is_given_up_at_the_end(stack: Stack, tmp_path: Path) -> None:
    """What arrived whole is either a whole job or none."""
    with served(stack.redis_url, tmp_path) as server, Client(redis_url=stack.redis_url) as outside:
        body = "\n".join(new_ids(300_000)).encode()
        upload = connected(
            server, "POST", JOBS, f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        )
        upload.sendall(body)
        until(lambda: any(True for _ in outside.summaries("preparing")))
        assert server.end() == 0
        for summary in outside.summaries():
            assert summary.state != "preparing"
            assert outside.job(summary.job_id).verify().balanced
        upload.close()


def test_a_reader_who_stops_reading_holds_up_nobody(stack: Stack, tmp_path: Path) -> None:
    with served(stack.redis_url, tmp_path) as server:
        client = server.client("admin")
        job = client.post(JOBS, content="\n".join(new_ids(200_000)), headers=TEXT).json()["job_id"]
        slow = [connected(server, "GET", f"/api/v1/jobs/{job}/results") for _ in range(40)]
        for connection in slow:
            assert connection.recv(1, socket.MSG_PEEK) == b"H"
        for media_type in ("text/csv", "application/x-ndjson"):
            assert media_type in FORMS
            answer = client.get(f"/api/v1/jobs/{job}/results", headers={"Accept": media_type})
            assert answer.text.count("\n") >= 200_000
        assert client.get(f"/api/v1/jobs/{job}").status_code == 200
        for connection in slow:
            connection.close()


def test_results_that_cannot_be_read_to_the_end_are_cut_not_ended(stack: Stack, tmp_path: Path) -> None:
    with served(stack.redis_url, tmp_path) as server, Client(redis_url=stack.redis_url) as outside:
        client = server.client("admin")
        job = client.post(JOBS, content="\n".join(new_ids(50_000)), headers=TEXT).json()["job_id"]
        # As somebody with access to Redis does.
        outside._session._redis.delete(f"bulk:{{{job}}}:ids:16")
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"/api/v1/jobs/{job}/results")
        assert client.get("/healthz").status_code == 200


def test_the_address_that_is_taken_or_wrong_is_a_usage_error(server: Served, tmp_path: Path) -> None:
    from tests.e2e.stack import cli  # noqa: PLC0415

    port = str(urlsplit(server.url).port)
    keys = str(server.log.with_name("keys"))
    for options in (("--port", port), ("--host", "no.such.host.invalid"), ("--port", "65536")):
        done = cli("serve", *options, SERVE_KEYS_FILE=keys)
        assert done.code == 2, done.err
