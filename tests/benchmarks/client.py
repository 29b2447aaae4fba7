"""Ids from a generator to a job, and its rows back: `python -m tests.benchmarks.client [--ids N]`.

A process of its own submits, and another reads. The peak of memory is that of the whole process, with Celery,
which sends the messages.
"""

import argparse
import sys
from typing import Final

from rich.console import Console

from tests.benchmarks.scale import spent
from tests.e2e.stack import ORG
from tests.servers import valkey9

SUBMIT: Final = """
import sys

from producers import Client
from tests.benchmarks.numbered import names

with Client() as client:
    print(client.submit(names(int(sys.argv[1])), org_id=sys.argv[2]).id)
"""
READ: Final = """
import sys

from producers import Client

with Client() as client:
    print(sum(1 for _ in client.job(sys.argv[1]).results()))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ids", type=int, default=10_000_000)
    count: int = parser.parse_args().ids
    show = Console(highlight=False).print
    with valkey9() as real:
        stored = spent([sys.executable, "-c", SUBMIT, str(count), ORG], REDIS_URL=real.server.url)
        show(f"submit {count:,} ids from a generator: {stored.seconds:.1f} s, {stored.megabytes:.0f} MB")
        job_id = stored.out.decode().strip()
        read = spent([sys.executable, "-c", READ, job_id], REDIS_URL=real.server.url)
        rows = int(read.out)
        show(f"read {rows:,} rows: {rows / read.seconds:,.0f} rows/s, {read.megabytes:.0f} MB")


if __name__ == "__main__":
    main()
