"""Clients that mean harm: slow, silent, many, malformed. Nobody else is held up, and nothing stays behind."""

import json
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import httpx
import psutil
import pytest

from tests.e2e.stack import ORG, new_ids, until
from tests.servers import RealServer
from tests.web.served import TEXT, Served, served

CONNECTIONS = 60
LIMITS = {"head": 1.0, "silence": 1.0, "unread": 1.0, "beat": 0.01, "wait": 0.3, "connections": CONNECTIONS}
DRIP = 0.05
"""Seconds between two bytes of a slow client."""


@pytest.fixture(scope="module")
def hurried(valkey: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with short limits."""
    with served(valkey.server.url, tmp_path_factory.mktemp("hurried"), limits=LIMITS) as found:
        yield found
        assert not [event for event in found.events() if event["level"] in {"error", "critical"}]
        assert "Traceback" not in found.log.read_text()


@pytest.fixture
def other(hurried: Served) -> httpx.Client:
    """Somebody else. Without connections that are kept: the server keeps them for a moment only."""
    return hurried.client("admin", limits=httpx.Limits(max_keepalive_connections=0))


@pytest.fixture
def job(other: httpx.Client) -> str:
    answer = other.post(f"/api/v1/jobs?org_id={ORG}", content="\n".join(new_ids(20)), headers=TEXT)
    return f"/api/v1/jobs/{answer.json()['job_id']}"


def drip_until_cut(connection: socket.socket) -> bytes:
    """Sends a byte now and then until the server ends the connection; returns what it answered."""
    connection.settimeout(DRIP)
    answer, data = b"", b"x"
    with suppress(ConnectionError):
        while data:
            try:
                answer += (data := connection.recv(65536))
            except TimeoutError:
                connection.sendall(b"x")
    return answer


def open_connections(server: Served) -> int:
    found = psutil.Process(server.process.pid).net_connections()
    return len([each for each in found if each.status == "ESTABLISHED"])


@pytest.mark.parametrize("first", [b"", b"GET /healthz HTTP/1.1\r\nHost: local"])
def test_a_head_that_does_not_come_whole_is_not_waited_for(hurried: Served, first: bytes) -> None:
    with hurried.connect(first) as connection:
        assert drip_until_cut(connection) == b""


def test_a_connection_that_says_nothing_is_not_kept(hurried: Served) -> None:
    with hurried.connect() as connection:
        assert connection.recv(1) == b""


def test_a_body_that_nobody_reads_is_not_received_for_long(hurried: Served) -> None:
    head = b"POST /api/v1/plans HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    with hurried.connect(head) as connection:
        assert drip_until_cut(connection).startswith(b"HTTP/1.1 401 ")


def test_a_refused_body_is_drained_so_that_its_client_reads_why(hurried: Served) -> None:
    length = 8 * 2**20
    with hurried.ask(
        "POST", "/api/v1/plans", f"Content-Length: {length}", "Connection: close", key="viewer"
    ) as connection:
        until(lambda: connection.recv(1, socket.MSG_PEEK) == b"H")
        connection.sendall(bytes(length))
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 403 ")


def test_a_reason_that_does_not_come_whole_is_not_waited_for(hurried: Served, job: str) -> None:
    fields = ("Content-Type: application/json", "Content-Length: 1000000", "Connection: close")
    with hurried.ask("POST", f"{job}/pause", *fields) as connection:
        connection.sendall(b"{")
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "timed_out"


def test_a_client_that_leaves_before_its_body_is_whole_changes_nothing(
    hurried: Served, other: httpx.Client, job: str
) -> None:
    with hurried.ask("POST", f"{job}/pause", "Content-Type: application/json", "Content-Length: 2"):
        pass
    until(lambda: f"{job}/pause" in hurried.log.read_text())
    assert other.get(job).json()["state"] == "queued"


def test_a_thousand_silent_connections_lock_out_nobody(hurried: Served, other: httpx.Client) -> None:
    process = psutil.Process(hurried.process.pid)
    before = process.memory_info().rss
    silent = []
    for number in range(1000):
        silent.append(hurried.connect())
        if number % 100 == 0:
            assert other.get("/api/v1/jobs").status_code == 200
            assert open_connections(hurried) <= CONNECTIONS + 1
    assert other.get("/api/v1/jobs").status_code == 200
    assert process.memory_info().rss - before < 32 * 2**20
    for connection in silent:
        connection.close()


def test_at_the_most_requests_that_there_may_be_a_new_connection_is_refused(
    hurried: Served, other: httpx.Client, job: str
) -> None:
    # As many as four keys may have together.
    keys = ("viewer", "operator", "here", "admin")
    streams = [hurried.ask("GET", f"{job}/events", key=keys[n % 4]) for n in range(CONNECTIONS)]
    for stream in streams:
        assert stream.recv(1) == b"H"
    with pytest.raises(httpx.TransportError):
        other.get(job)
    streams.pop().close()
    until(lambda: open_connections(hurried) < CONNECTIONS)
    assert other.get(job).status_code == 200
    for stream in streams:
        stream.close()
    # Each that was left is noticed, and its stream freed.
    until(lambda: hurried.log.read_text().count(f"{job}/events") >= CONNECTIONS)


def test_ten_thousand_wrong_keys_do_not_slow_down_the_right_one(hurried: Served, job: str) -> None:
    client = hurried.client("viewer")

    def median() -> float:
        return statistics.median(client.get(job).elapsed.total_seconds() for _ in range(40))

    alone = median()
    wrong = b"GET /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer bulk_wrong\r\n\r\n"
    flood = [hurried.connect(250 * wrong) for _ in range(40)]
    beside = median()
    for connection in flood:
        connection.close()
    # With as many answered at once as the server can, it was eight times as long.
    assert beside < 3 * max(alone, median())


def test_a_stream_shows_that_it_is_alive(hurried: Served, job: str) -> None:
    with hurried.client("viewer").stream("GET", f"{job}/events") as stream:
        comments = 0
        for line in stream.iter_lines():
            comments += line.startswith(":")
            if comments == 3:
                break


def test_a_wait_is_bounded_whatever_is_asked_for(other: httpx.Client, job: str) -> None:
    tag = other.get(job).headers["etag"]
    assert other.get(job, params={"wait": 1e9}, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system cannot")
def test_who_reads_nothing_of_a_stream_is_cut_off(hurried: Served, job: str) -> None:
    connection = socket.socket()
    # The smallest that the system gives.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    with connection:
        connection.connect(("127.0.0.1", httpx.URL(hurried.url).port or 80))
        head = f"GET {job}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
        connection.sendall(f"{head}{hurried.secrets['viewer']}\r\n\r\n".encode())
        until(lambda: f"{job}/events" in hurried.log.read_text())


MALFORMED = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + 100_000 * b"x",
]


@pytest.mark.parametrize("request_", MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_no_request_is_a_problem_too(hurried: Served, request_: bytes) -> None:
    with hurried.connect(request_) as connection:
        answer = connection.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["code"] == "bad_input"


def test_what_is_no_request_after_one_that_was_refused_ends_the_connection(hurried: Served) -> None:
    head = b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with hurried.connect(head) as connection:
        file = connection.makefile("rb")
        assert file.readline().startswith(b"HTTP/1.1 401 ")
        connection.sendall(b"no length\r\n")
        file.read()


@pytest.mark.parametrize(
    ("soft", "hard", "expected"), [(64, 1024, 640), (64, 4096, 1000), (4096, 4096, 1000)]
)
def test_connections_are_as_many_as_the_system_allows_files(soft: int, hard: int, expected: int) -> None:
    script = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}));"
        "from producers.web.limits import allowed_connections; print(allowed_connections(1000))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) == expected
