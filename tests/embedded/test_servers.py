"""The product's supervisor over every server that it knows, and the support that other tests stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.embedded.supervisors import started
from tests.servers import SERVERS, RealServer, valkey9

COMMANDS = 200_000


@pytest.fixture(params=SERVERS)
def real(request: pytest.FixtureRequest) -> Iterator[RealServer]:
    with SERVERS[request.param](maxmemory="50mb", lua_time_limit="1234") as real:
        yield real


def test_server_is_the_one_that_was_asked_for(real: RealServer) -> None:
    server = real.server
    assert server.version.startswith(server.name.removeprefix("valkey").removeprefix("redis")[0])
    with redis.Redis.from_url(server.url) as client:
        assert client.info("server")["process_id"] == server.pid
        assert client.info("server")["tcp_port"] == 0


def test_data_and_options_outlive_a_stop_and_a_kill(real: RealServer) -> None:
    first = real.server
    with redis.Redis.from_url(first.url) as client:
        client.set("kept", "yes")
    second = real.restart()
    real.kill()
    third = real.start()
    assert first.url == second.url == third.url
    assert len({first.pid, second.pid, third.pid}) == 3
    with redis.Redis.from_url(third.url) as client:
        assert client.get("kept") == b"yes"
        assert client.config_get("maxmemory")["maxmemory"] == str(50 * 1024**2)
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


def test_paused_server_answers_when_it_goes_on() -> None:
    with valkey9() as real, redis.Redis.from_url(real.server.url, socket_timeout=None) as client:
        client.set("key", "value")
        connection = client.connection_pool.get_connection()
        with real.paused():
            connection.send_command("GET", "key")
            assert not connection.can_read(timeout=0)
        assert connection.read_response() == b"value"
        client.connection_pool.release(connection)


@pytest.mark.parametrize("torn", [b"", b"*3\r\n$3\r\nSET\r\n$4\r\nto"], ids=["whole", "torn"])
def test_ready_means_that_all_data_are_loaded_even_from_a_torn_log(home: Path, torn: bytes) -> None:
    commands = (b"*3\r\n$3\r\nSET\r\n$6\r\n%06d\r\n$1\r\nv\r\n" % number for number in range(COMMANDS))
    # The layout of Redis 6.2, which later servers take over.
    (home / "appendonly.aof").write_bytes(b"".join(commands) + torn)
    with started(home) as (_, ready), redis.Redis.from_url(ready.url) as client:
        assert client.dbsize() == COMMANDS
