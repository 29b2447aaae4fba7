"""The supervisor of the embedded server as its starter sees it: a line of JSON and a server to use."""

import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.embedded.supervisors import ready_line, socket_of, started, supervisor
from worker.embedded.identity import identify


@pytest.fixture
def client(home: Path) -> Iterator[redis.Redis]:
    with started(home) as (_, ready), redis.Redis.from_url(ready.url) as client:
        yield client


def test_prints_one_line_that_names_the_server_it_started(home: Path) -> None:
    process = supervisor(home)
    ready = ready_line(process)
    found = identify(socket_of(ready))
    process.terminate()
    rest, errors = process.communicate()
    assert found is not None
    assert (ready.pid, ready.server_pid) == (process.pid, found.pid)
    assert (ready.server, ready.version) == (found.name, found.version)
    assert (rest, errors, process.returncode) == ("", "", 0)


def test_server_keeps_a_log_of_all_writes_and_evicts_nothing(client: redis.Redis) -> None:
    def setting(name: str) -> str | None:
        return client.config_get(name)[name]

    assert setting("appendonly") == "yes"
    assert setting("appendfsync") == "everysec"
    assert setting("maxmemory-policy") == "noeviction"
    assert setting("save") == ""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_server_opens_no_tcp_port(client: redis.Redis) -> None:
    descriptors = Path(f"/proc/{client.info('server')['process_id']}/fd").iterdir()
    sockets = {
        str(path.readlink())[8:-1] for path in descriptors if str(path.readlink()).startswith("socket:")
    }
    tables = [Path("/proc/net", name).read_text().splitlines()[1:] for name in ("tcp", "tcp6", "udp", "udp6")]
    of_tcp_and_udp = {line.split()[9] for table in tables for line in table}
    assert sockets
    assert not sockets & of_tcp_and_udp


def test_nobody_else_can_reach_the_socket(home: Path) -> None:
    with started(home) as (_, ready):
        socket = socket_of(ready)
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600


def test_second_start_in_a_folder_is_refused_and_names_the_first(home: Path) -> None:
    with started(home) as (first, ready):
        second = supervisor(home)
        output, errors = second.communicate()
        assert second.returncode == 2
        assert output == ""
        assert errors.count("\n") == 1
        assert f"in use by process {first.pid}" in errors
        assert identify(socket_of(ready)) is not None


def test_data_survive_a_stop_and_a_start(home: Path) -> None:
    with started(home) as (_, ready), redis.Redis.from_url(ready.url) as client:
        client.set("kept", "yes")
    with started(home) as (_, ready), redis.Redis.from_url(ready.url) as client:
        assert client.get("kept") == b"yes"
