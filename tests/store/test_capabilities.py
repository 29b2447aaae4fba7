"""What a Redis may answer that passes, or that somebody can mend while we wait."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from tests.servers import SERVERS, valkey9
from tests.store.job_setup import put_job
from worker.core.errors import DamagedRecordError, RedisUnreachableError
from worker.reports.status import read_report
from worker.store.capabilities import check_worker, try_server
from worker.store.connect import is_mendable, reachable, sync_client
from worker.store.jobs import JobStore

NEVER = Retry(NoBackoff(), 0)


@contextmanager
def answering(line: str) -> Iterator[int]:
    """The port of a server that answers each command with `line`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        while client.recv(65_536):
                            client.sendall(f"-{line}\r\n".encode())

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def answered(line: str) -> RedisError:
    with answering(line) as port, redis.Redis(port=port, protocol=2, retry=NEVER) as client:
        with pytest.raises(RedisError) as caught:
            client.get("key")
        return caught.value


IN_SCRIPT = "ERR Error running script (call to f_0123): @user_script:54: @user_script: 54: "


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", True),
        ("MISCONF Redis is configured to save RDB snapshots", True),
        ("LOADING Redis is loading the dataset in memory", True),
        ("MASTERDOWN Link with MASTER is down", True),
        ("DENIED Redis is running in protected mode", True),
        ("CLUSTERDOWN Hash slot not served", True),
        ("NOREPLICAS Not enough good replicas to write.", True),
        ("READONLY You can't write against a read only replica.", True),
        ("OOM command not allowed when used memory > 'maxmemory'.", True),
        ("NOAUTH Authentication required.", True),
        ("WRONGPASS invalid username-password pair", True),
        ("NOPERM this user has no permissions", True),
        ("TRYAGAIN Multiple keys request during rehashing of slot", True),
        ("ERR max number of clients reached", True),
        (f"{IN_SCRIPT}-MISCONF Redis is configured to save RDB snapshots", True),
        (f"{IN_SCRIPT}-OOM command not allowed", True),
        (f"{IN_SCRIPT}-READONLY You can't write against a read only replica", True),
        (f"{IN_SCRIPT}WRONGTYPE Operation against a key", False),
        (f"{IN_SCRIPT}attempt to compare number with nil", False),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", False),
        ("ERR unknown command", False),
        ("BUSYKEY Target key name already exists.", False),
    ],
)
def test_temporary_faults_are_told_from_permanent_ones(line: str, passes: bool) -> None:
    assert is_mendable(answered(line)) is passes


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_runs_the_script_of_another_is_waited_for(server: str) -> None:
    with SERVERS[server](lua_time_limit="50") as real:
        other = redis.Redis.from_url(real.server.url, retry=NEVER)
        script = threading.Thread(target=busy, args=(other,))
        script.start()
        client = redis.Redis.from_url(real.server.url, retry=NEVER)
        error = None
        while error is None:
            # Until the script has run for its time, answers are only late.
            with suppress(redis.TimeoutError):
                try:
                    client.get("key")
                except redis.ResponseError as refused:
                    error = refused
        assert is_mendable(error), error
        client.script_kill()
        script.join()
        for each in (client, other):
            each.close()


def busy(client: redis.Redis) -> None:
    with suppress(redis.ResponseError):
        client.eval("while true do end", 0)


@pytest.mark.parametrize("server", SERVERS)
def test_a_full_server_is_waited_for_whether_a_command_or_a_script_meets_it(server: str) -> None:
    with SERVERS[server]() as real, redis.Redis.from_url(real.server.url) as client:
        client.config_set("maxmemory", "1")
        for write in (["SET", "key", "x"], ["EVAL", "redis.call('SET', 'a', 'b')", "0"]):
            with pytest.raises(RedisError) as caught:
                client.execute_command(*write)
            assert is_mendable(caught.value), caught.value


@pytest.mark.parametrize("server", SERVERS)
def test_an_out_of_memory_error_within_a_script_is_recognized(server: str) -> None:
    with SERVERS[server](maxmemory="1kb") as real, sync_client(real.server.url) as client:
        with pytest.raises(RedisUnreachableError, match="full"):
            try_server(client, real.server.url)
        with pytest.raises(RedisUnreachableError, match="full"), reachable(real.server.url):
            client.set("a", "b")
        # A worker waits until it is mended.
        check_worker(client, real.server.url)


@pytest.mark.parametrize("server", SERVERS)
def test_a_job_whose_deadline_passed_can_be_read_of_a_full_server(server: str) -> None:
    with SERVERS[server]() as real, sync_client(real.server.url) as client:
        jobs = JobStore(client)
        job_id = put_job(jobs, 15, deadline=0.001)
        client.config_set("maxmemory", "1kb")
        jobs.expire_if_due(job_id)
        assert read_report(jobs, job_id).state_reason.code == "store_full"


def test_forged_data_is_no_fault_of_the_connection() -> None:
    with valkey9() as real, sync_client(real.server.url) as client:
        client.set("a", "b")
        with pytest.raises(DamagedRecordError, match="WRONGTYPE"), reachable(real.server.url):
            client.hgetall("a")


def test_no_idle_connection_is_pinged() -> None:
    """A server that cannot save refuses PING, and would be taken for one that is away."""
    assert (
        sync_client("redis://127.0.0.1/0").connection_pool.connection_kwargs.get("health_check_interval", 0)
        == 0
    )
