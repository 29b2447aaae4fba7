"""One client in the hands of many: threads, and processes that are forked after it was made."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from producers import Client, State
from tests.e2e.stack import ORG, TIMEOUT, environment, new_ids
from tests.servers import RealServer

FORKED = """
import os, sys
from producers import Client

with Client() as client:
    ours = client.submit(["id-1"], org_id=sys.argv[1])
    child = os.fork()
    if child == 0:
        theirs = client.submit(["id-2"], org_id=sys.argv[1])
        assert [row.id for row in theirs.results()] == ["id-2"]
        ours.pause("by the child")
        sys.stdout.flush()
        os._exit(0)
    for _ in range(50):
        assert [row.id for row in ours.results()] == ["id-1"]
    assert os.waitpid(child, 0)[1] == 0
    print(ours.report().state_reason.message)
"""


def test_threads_share_a_client(client: Client) -> None:
    def work(number: int) -> list[str | None]:
        job = client.submit(new_ids(40), org_id=ORG, labels={"number": str(number)})
        assert job.report().labels == {"number": str(number)}
        assert job.cancel().state is State.CANCELLED
        return [row.id for row in job.results()]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(work, range(24)))
    assert len({token_id for ids in found for token_id in ids}) == 24 * 40


def test_a_forked_process_and_its_parent_use_the_client_side_by_side(valkey: RealServer) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED, ORG],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env=environment({"REDIS_URL": valkey.server.url}),
    )
    assert (done.returncode, done.stdout) == (0, "by the child\n"), done.stderr
