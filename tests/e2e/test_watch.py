"""A watch survives every fault that the job survives."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.stack import BULK_ACTIVATE, TIMEOUT, Stack, environment, new_ids, until
from tests.servers import RealServer, valkey9


@contextmanager
def watching(stack: Stack, job_id: str, *options: str) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """A watch that has seen the job, and the file that it writes to."""
    said = stack.home / "said"
    with said.open("wb") as stream:
        process = subprocess.Popen(
            [BULK_ACTIVATE, "status", job_id, "--watch", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            env=environment({"REDIS_URL": stack.redis_url}),
        )
    try:
        until(lambda: "queued" in said.read_text())
        yield process, said
    finally:
        process.kill()
        process.wait()


def away(real: RealServer, said: Path) -> None:
    real.stop()
    until(lambda: "it is waited for, and workers go on" in said.read_text())


def test_a_watch_waits_for_a_redis_that_restarts(tmp_path: Path) -> None:
    with valkey9() as real, Stack(tmp_path, real.server.url) as stack:
        job_id = stack.submit(new_ids(30))
        with watching(stack, job_id) as (process, said):
            away(real, said)
            real.start()
            assert stack.cli("cancel", job_id).code == 0
            # As the job ended, not as Redis did.
            assert process.wait(TIMEOUT) == 4
        assert said.read_text().count("it is waited for") == 1


def test_a_watch_ends_by_its_timeout_also_while_redis_is_away(tmp_path: Path) -> None:
    with valkey9() as real, Stack(tmp_path, real.server.url) as stack:
        job_id = stack.submit(new_ids(30))
        with watching(stack, job_id, "--timeout", "20s") as (process, said):
            away(real, said)
            assert process.wait(TIMEOUT) == 124
        assert f"bulk-activate status {job_id} --watch" in said.read_text()
