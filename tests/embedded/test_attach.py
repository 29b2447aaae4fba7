"""A command that only reads uses a running server, and starts one if there is none."""

from pathlib import Path

from tests.embedded.supervisors import ready_line, socket_of, started, supervisor
from worker.embedded.identity import identify


def test_a_server_that_runs_already_is_named_and_left_alone(home: Path) -> None:
    with started(home) as (_, first):
        other = supervisor(home, "--attach")
        ready = ready_line(other)
        assert (ready.url, ready.server_pid, ready.pid) == (first.url, first.server_pid, first.pid)
        assert (first.attached, ready.attached) == (False, True)
        assert other.communicate() == ("", "")
        assert other.returncode == 0
        found = identify(socket_of(first))
        assert found is not None
        assert found.pid == first.server_pid


def test_where_none_runs_one_is_started_and_ended(home: Path) -> None:
    with started(home, "--attach") as (process, ready):
        assert (ready.attached, ready.pid) == (False, process.pid)
    assert identify(socket_of(ready)) is None
