"""A list of any length costs a client as much memory as a small one, but for eight bytes an id."""

import subprocess
import sys

import pytest

from tests.e2e.stack import ORG, environment
from tests.servers import RealServer

# Not `ru_maxrss`: a process begins with that of the one that started it.
PEAK = """
import re, sys
from producers import Client
from tests.benchmarks.numbered import names

with Client() as client:
    job = client.submit(names(int(sys.argv[1])), org_id=sys.argv[2])
    assert sum(1 for _ in job.results()) == int(sys.argv[1])
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1024)
"""


def peak(count: int, url: str) -> int:
    """Megabytes of a process that submits so many ids from a generator and reads them back."""
    command = [sys.executable, "-c", PEAK, str(count), ORG]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment({"REDIS_URL": url})
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells it in /proc")
def test_memory_does_not_grow_with_what_a_generator_yields(valkey: RealServer) -> None:
    small, large = (peak(count, valkey.server.url) for count in (20_000, 320_000))
    # 300,000 more ids as strings would be 28 MB, and as much again for each list that holds them.
    assert large < small + 20
    assert large < 150
