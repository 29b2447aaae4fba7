"""Lists that come over HTTP, whole and broken."""

import gzip
import hashlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from producers import Client
from tests.e2e.stack import ORG, cli, new_ids, until
from tests.servers import RealServer
from tests.web.served import TEXT, Served, code_of, served

JOBS = f"/api/v1/jobs?org_id={ORG}"
GZIP = {**TEXT, "Content-Encoding": "gzip"}


def some_list(count: int = 100) -> bytes:
    return "".join(f"{token_id}\n" for token_id in new_ids(count)).encode()


def test_a_list_becomes_the_job_that_submit_makes_of_it(
    admin: httpx.Client, client: Client, valkey: RealServer, tmp_path: Path
) -> None:
    """With every option that there is for a list of lines."""
    body = some_list() + b"bad id\n"
    path = tmp_path / "ids.txt"
    path.write_bytes(body)
    sha256 = hashlib.sha256(body).hexdigest()
    parameters = "label=a=b&label=c=d=e&weight=3&deadline=2h&max_failures=5&max_failure_ratio=0.25"
    reading = f"plan={sha256}&format=lines&allow_malformed=true&allow_token_like_ids=true"
    made = admin.post(f"{JOBS}&{parameters}&{reading}", content=body, headers=TEXT)
    assert made.status_code == 201
    job = made.json()
    assert made.headers["location"] == f"/api/v1/jobs/{job['job_id']}"
    assert made.text == admin.get(made.headers["location"]).text
    assert made.headers["etag"] == admin.get(made.headers["location"]).headers["etag"]
    options = [f"--{option}" for option in f"{parameters}&{reading}".replace("_", "-").split("&")]
    options = [option.removesuffix("=true") for option in options]
    by_command = cli("submit", str(path), "--org", ORG, *options, REDIS_URL=valkey.server.url).out.strip()
    other = cli("status", by_command, "-o", "json", REDIS_URL=valkey.server.url).json()
    assert job["manifest"] == other["manifest"]
    assert job["manifest"]["sha256"] == sha256
    assert (job["counts"], job["labels"]) == (other["counts"], {"a": "b", "c": "d=e"})
    records = [client._session._redis.hgetall(f"bulk:{{{each}}}:job") for each in (job["job_id"], by_command)]
    for name in (b"weight", b"max_failures", b"max_failure_ratio", b"labels"):
        assert records[0][name] == records[1][name]
    lives = [int(each[b"deadline_ms"]) - int(each[b"created_ms"]) for each in records]
    assert lives == [7_200_000, 7_200_000]


@pytest.mark.parametrize(
    ("media_type", "parameters", "body"),
    [
        ("text/csv", "", b"id,name\nan-id-1,x\nan-id-2,y\n"),
        ("text/csv; charset=utf-8", "&column=Token", b"Token,name\nan-id-1,x\nan-id-2,y\n"),
        ("text/plain", "&format=csv&delimiter=%3B", b"id;name\nan-id-1;x\nan-id-2;y\n"),
        ("application/x-ndjson", "", b'{"id": "an-id-1"}\n"an-id-2"\n'),
        ("application/x-ndjson", "&field=a.b", b'{"a": {"b": "an-id-1"}}\n{"a": {"b": "an-id-2"}}\n'),
        ("text/plain", "", "an-id-1\r\nan-id-2".encode("utf-16")),
    ],
)
def test_the_media_type_and_the_parameters_say_how_a_list_is_read(
    admin: httpx.Client, client: Client, media_type: str, parameters: str, body: bytes
) -> None:
    made = admin.post(JOBS + parameters, content=body, headers={"Content-Type": media_type})
    assert made.status_code == 201, made.text
    assert [row.id for row in client.job(made.json()["job_id"]).results()] == ["an-id-1", "an-id-2"]


def test_gzip_is_unpacked_on_the_way_and_the_list_is_the_same(admin: httpx.Client) -> None:
    body = some_list()
    twice = gzip.compress(body[:1000]) + gzip.compress(body[1000:])
    jobs = []
    for content, headers in ((body, TEXT), (gzip.compress(body), GZIP), (twice, GZIP)):
        answer = admin.post(JOBS, content=content, headers={**headers, "Idempotency-Key": f"gz-{hash(body)}"})
        jobs.append((answer.status_code, answer.json()["job_id"]))
    assert [status for status, _ in jobs] == [201, 200, 200]
    assert len({job for _, job in jobs}) == 1


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (b"bad id\nbad id too\n", TEXT, (400, "bad_input")),
        (b"an-id\n", {"Content-Type": "application/json"}, (415, "unsupported_media_type")),
        (b"an-id\n", {}, (415, "unsupported_media_type")),
        (b"an-id\n", {**TEXT, "Content-Encoding": "br"}, (415, "unsupported_media_type")),
        (b"no gzip", GZIP, (400, "bad_input")),
        (gzip.compress(b"an-id\n" * 1000)[:-9], GZIP, (400, "bad_input")),
        (b"", GZIP, (400, "bad_input")),
        (gzip.compress(b"an-id\n"), TEXT, (400, "bad_input")),
        (gzip.compress(gzip.compress(b"an-id\n")), GZIP, (400, "bad_input")),
        (b"x" * (1024 * 1024 + 1), TEXT, (413, "too_large")),
        # A megabyte of packed zeros is a gigabyte.
        (lambda: gzip.compress(b"\0" * (64 * 1024 * 1024)), GZIP, (413, "too_large")),
    ],
    ids=lambda value: None if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("path", [JOBS, "/api/v1/plans"])
def test_a_list_that_cannot_be_used_leaves_nothing_behind(
    server: Served,
    admin: httpx.Client,
    client: Client,
    content: bytes | Callable[[], bytes],
    headers: dict[str, str],
    expected: tuple[int, str],
    path: str,
) -> None:
    if callable(content):
        content = content()
    before = {summary.job_id for summary in client.summaries("preparing")}
    held = server.spooled().keys()
    assert code_of(admin.post(path, content=content, headers=headers)) == expected
    assert {summary.job_id for summary in client.summaries("preparing")} == before
    until(lambda: server.spooled().keys() <= held)


def test_a_list_without_a_length_is_bounded_too(server: Served) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield some_list(1000)

    with server.client("admin") as client:
        try:
            answer = client.post(JOBS, content=chunks(), headers=TEXT)
        except httpx.WriteError:
            # The server has answered and left; the rest was not read.
            return
    assert code_of(answer) == (413, "too_large")


@pytest.mark.parametrize(
    "parameters",
    [
        "weight=0",
        "weight=x",
        "deadline=soon",
        "max_failures=-1",
        "max_failure_ratio=2",
        "label=x",
        "format=xlsx",
        "column=x",
        "strict=true",
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(admin: httpx.Client, parameters: str) -> None:
    refused = admin.post(f"{JOBS}&{parameters}", content=some_list() + b"bad id\n", headers=TEXT)
    assert code_of(refused) == (400, "bad_input")
    assert parameters.partition("=")[0] in refused.json()["detail"]
    assert "--" not in refused.json()["detail"].partition(":")[0]


def test_an_organization_has_to_be_named(admin: httpx.Client) -> None:
    for path in ("/api/v1/jobs", "/api/v1/jobs?org_id=no-guid!"):
        refused = admin.post(path, content=some_list(), headers=TEXT)
        assert code_of(refused) == (400, "bad_input")
        assert "org_id" in refused.json()["detail"]


def test_the_same_idempotency_key_and_list_give_the_same_job(admin: httpx.Client) -> None:
    body, key = some_list(), {"Idempotency-Key": f"incident-{os.urandom(4).hex()}"}
    first, second = (admin.post(JOBS, content=body, headers={**TEXT, **key}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["job_id"] == second.json()["job_id"]
    assert second.headers["location"] == first.headers["location"]
    other = admin.post(JOBS, content=some_list(), headers={**TEXT, **key})
    assert code_of(other) == (422, "request_id_taken")
    # It may be the job of an organization that the key does not reach.
    assert first.json()["job_id"] not in other.text
    for wrong in ("", "x" * 256, "a\tb"):
        refused = admin.post(JOBS, content=body, headers={**TEXT, "Idempotency-Key": wrong})
        assert code_of(refused) == (400, "bad_input")


def test_a_plan_is_what_the_command_prints_and_holds_the_list(admin: httpx.Client, tmp_path: Path) -> None:
    body = some_list()
    path = tmp_path / "ids.txt"
    path.write_bytes(body)
    plan = admin.post("/api/v1/plans", content=body, headers=TEXT)
    assert plan.status_code == 200
    assert plan.json() == cli("plan", str(path), "-o", "json").json()
    for planned in (plan.json()["plan"], plan.json()["manifest"]["sha256"]):
        made = admin.post(JOBS, params={"org_id": ORG, "plan": planned}, content=body, headers=TEXT)
        assert made.status_code == 201
    differs = admin.post(
        JOBS, params={"org_id": ORG, "plan": plan.json()["plan"]}, content=body + b"one-more\n", headers=TEXT
    )
    assert code_of(differs) == (409, "plan_differs")
    read_otherwise = admin.post(
        JOBS,
        params={"org_id": ORG, "plan": plan.json()["plan"], "format": "csv"},
        content=b"id\n" + body,
        headers=TEXT,
    )
    assert code_of(read_otherwise) == (409, "plan_differs")


def test_half_a_list_makes_no_job(server: Served, client: Client) -> None:
    before, held = {summary.job_id for summary in client.summaries()}, server.spooled().keys()
    parts = urlsplit(server.url)
    head = (
        f"POST {JOBS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.secrets['admin']}\r\n"
        "Content-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(head.encode() + some_list())
        until(lambda: server.spooled().keys() > held)
        assert set(server.spooled().values()) == {0o600}
    until(lambda: server.spooled().keys() <= held)
    assert {summary.job_id for summary in client.summaries()} == before


def test_a_list_that_takes_too_long_is_refused(valkey: RealServer, tmp_path: Path) -> None:
    with served(valkey.server.url, tmp_path, SERVE_UPLOAD_TIMEOUT="0.3") as server:
        parts = urlsplit(server.url)
        head = (
            f"POST {JOBS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.secrets['admin']}\r\n"
            "Content-Type: text/plain\r\nContent-Length: 1000000\r\n\r\nan-id"
        )
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            connection.sendall(head.encode())
            answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "timed_out"


def test_no_key_and_no_id_is_in_the_log(server: Served, admin: httpx.Client) -> None:
    body = some_list(5)
    made = admin.post(JOBS, content=body, headers=TEXT).json()
    one = body.split()[0].decode()
    admin.get(f"/api/v1/jobs/{made['job_id']}/results", params={"id": one})
    # It is written once the answer is sent.
    until(lambda: made["job_id"] in server.log.read_text())
    log = server.log.read_text()
    assert not any(token_id in log for token_id in body.decode().split())
    assert not any(secret in log for secret in server.secrets.values())
