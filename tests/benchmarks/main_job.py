"""The main job for a team, measured: `python -m tests.benchmarks.main_job [--ids N] [--workers N]`.

Prints figures, asserts nothing of time: ids through `submit`, worker processes and the simulator, all on
this machine, the simulator taking its share of the same cores.
"""

import argparse
import json
import math
import tempfile
from pathlib import Path

from tests.e2e.stack import Stack, agree, new_ids, simulator_process, until
from tests.servers import valkey9
from worker.store.connect import sync_client


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        valkey9() as real,
        Stack(Path(home), real.server.url) as stack,
        simulator_process("--fail", "0.05", "--active", "0.05") as api,
    ):
        job_id = stack.submit(new_ids(given.ids))
        stack.worker(api, "--concurrency", str(given.workers), rate=100_000)
        until(lambda: stack.report(job_id)["state"] == "completed")
        report = stack.report(job_id)
        stats = api.stats()
        figures = {
            "ids": given.ids,
            "worker_processes": given.workers,
            "requests": report["requests"]["sent"],
            "requests_at_the_api": stats["requests"],
            "requests_needed": math.ceil(given.ids / 15),
            "ids_sent_again": stats["ids_sent_again"],
            "ids_per_second": report["progress"]["ids_per_second"],
            "redis_bytes_per_id": round(_bytes(real.server.url, job_id) / given.ids, 1),
            "report_agrees_with_the_api": agree(stack.rows(job_id), api.world()),
            "verify": stack.cli("verify", job_id).out.strip(),
        }
        print(json.dumps(figures, indent=2))  # noqa: T201 -- what it is for.


def _bytes(redis_url: str, job_id: str) -> int:
    with sync_client(redis_url) as client:
        keys = client.scan_iter(f"bulk:{{{job_id}}}:*")
        return sum(client.memory_usage(key, samples=0) or 0 for key in keys)


if __name__ == "__main__":
    main()
