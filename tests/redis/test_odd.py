"""What REDIS_URL may lead to that no job can be on: each command says so in one line, and ends with 7."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import psutil
import pytest

from tests.e2e.stack import ORG, Stack, new_ids
from tests.redis.guarded import redis_server
from tests.servers import missing

Odd = Callable[[], AbstractContextManager[str]]


@contextmanager
def web_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_port}/0"
        server.shutdown()


def of(*lines: str, database: int = 0, scheme: str = "redis") -> Odd:
    """A real server of this configuration."""

    @contextmanager
    def started() -> Iterator[str]:
        with redis_server(*lines) as real:
            yield f"{scheme}://127.0.0.1:{real.port}/{database}"

    return started


@contextmanager
def moved() -> Iterator[str]:
    """A node of a Cluster that knows where each key is: elsewhere."""
    with redis_server("cluster-enabled yes") as one, redis_server("cluster-enabled yes") as other:
        with one.admin() as client, other.admin() as there:
            there.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            node = there.execute_command("CLUSTER", "MYID").decode()
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", other.port)
            ready = threading.Event()
            for _ in range(600):
                slots = client.execute_command("CLUSTER", "SLOTS")
                if node in str(slots):
                    break
                ready.wait(0.1)
        yield f"redis://127.0.0.1:{one.port}/0"


@contextmanager
def protected() -> Iterator[str]:
    """A server without a password, reached from elsewhere: by this machine's own address."""
    found = [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]
    host = found[0] if found else missing("an address besides the loopback")
    with redis_server(f"bind {host} 127.0.0.1") as real:
        yield f"redis://{host}:{real.port}/0"


ODD: Final[dict[str, tuple[Odd, str]]] = {
    "a database that is not there": (of(database=16), "correct the database"),
    "a web server": (web_server, "is no Redis"),
    "a cluster": (of("cluster-enabled yes"), "is a Redis Cluster"),
    "a database of a cluster": (of("cluster-enabled yes", database=3), "is a Redis Cluster"),
    "another node's keys": (moved, "is a Redis Cluster"),
    "no EVALSHA": (of('rename-command EVALSHA ""'), "unknown command 'EVALSHA'"),
    "no SCRIPT": (of('rename-command SCRIPT ""'), "unknown command 'SCRIPT'"),
    "no INFO": (of('rename-command INFO ""'), "unknown command 'INFO'"),
    "protected mode": (protected, "it is in protected mode: give it a user and a password"),
    "EVALSHA forbidden": (of("user default on nopass ~* &* +@all -evalsha"), "give the user its rights"),
    "TLS for a plain port": (of(scheme="rediss"), "redis:// in place of rediss://"),
}


def is_one_line(err: str, words: str) -> bool:
    told = [line for line in err.splitlines() if line.startswith("Error:")]
    return len(told) == 1 and words in told[0] and "Traceback" not in err


def submit(stack: Stack) -> tuple[str, ...]:
    listed = stack.home / "ids.txt"
    listed.write_text("\n".join(new_ids(3)))
    return ("submit", str(listed), "--org", ORG)


@pytest.mark.parametrize("name", ODD)
def test_a_command_that_writes_says_what_is_wrong_in_one_line(tmp_path: Path, name: str) -> None:
    start, words = ODD[name]
    with start() as url, Stack(tmp_path, url) as stack:
        done = stack.cli(*submit(stack))
        assert (done.code, is_one_line(done.err, words)) == (7, True), done.err


@pytest.mark.parametrize("name", ODD)
def test_doctor_calls_only_what_works_ok(tmp_path: Path, name: str) -> None:
    start, words = ODD[name]
    with start() as url, Stack(tmp_path, url) as stack:
        done = stack.cli("doctor", "-o", "json", API_URL="http://127.0.0.1:9")
        assert done.code == 7, done.err
        (redis,) = [check for check in done.json()["checks"] if check["name"] == "redis"]
        assert (redis["status"], words in redis["message"]) == ("unreachable", True), redis


@pytest.mark.parametrize("name", ["a web server", "no EVALSHA", "a cluster"])
def test_a_worker_does_not_start_on_it(tmp_path: Path, name: str) -> None:
    start, words = ODD[name]
    with start() as url, Stack(tmp_path, url) as stack:
        done = stack.cli("worker", ACCESS_TOKEN="t", API_URL="http://127.0.0.1:9")
        assert (done.code, is_one_line(done.err, words)) == (7, True), done.err


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("status", "a-job"),
        ("results", "a-job"),
        ("verify", "a-job"),
        ("report", "a-job", "--output", "report.html"),
        ("pause", "a-job"),
        ("resume", "a-job"),
        ("cancel", "a-job"),
        ("retry", "a-job"),
        ("purge", "a-job"),
        ("set-rate", ORG, "5"),
    ],
)
def test_every_command_ends_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    with web_server() as url, Stack(tmp_path, url) as stack:
        done = stack.cli(*words)
        assert (done.code, is_one_line(done.err, "is no Redis")) == (7, True), done.err
