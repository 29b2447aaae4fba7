"""What large lists cost: `python -m tests.benchmarks.scale [--ids N] [--large N]`.

Submits, reads and looks up real jobs with the real commands against a real Redis, beside `redis-cli --pipe`
of the same ids, and prints a table. Seconds are of this machine and of this moment; ratios are medians of
interleaved pairs. CPU and memory are those of the command's own process (wait4).
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

import redis
from rich.console import Console
from rich.table import Table

from tests.e2e.stack import BULK_ACTIVATE, ORG, Stack, environment, simulator_process, until
from tests.servers import valkey9
from worker.store.connect import sync_client

PAIRS: Final = 5
LONG: Final = 900.0


class Cost(NamedTuple):
    seconds: float
    cpu: float
    megabytes: float
    first: float
    """Seconds until the first byte of output."""
    out: bytes


def spent(command: list[str], *, given: Path | None = None, keep: bool = True, **settings: str) -> Cost:
    """Runs `command` to its end. Raises `CalledProcessError` where it fails."""
    with (given or Path(os.devnull)).open("rb") as stdin:
        began = perf_counter()
        child = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(settings),
        )
        assert child.stdout is not None
        out = child.stdout.read(1)
        first = perf_counter() - began
        while piece := child.stdout.read(1 << 20):
            out += piece if keep else b""
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = perf_counter() - began
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, first, out)


def guids(count: int, seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    for _ in range(count):
        text = f"{chance.getrandbits(128):032x}"
        yield f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def written(path: Path, count: int, seed: int) -> Path:
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{id_}\n" for id_ in guids(count, seed))
    return path


def pushes(ids: Path, path: Path) -> Path:
    """The same ids as RPUSH commands, one each, as `redis-cli --pipe` takes them."""
    with ids.open() as lines, path.open("w", encoding="ascii", newline="") as file:
        for line in lines:
            id_ = line.rstrip()
            file.write(f"*3\r\n$5\r\nRPUSH\r\n$4\r\nlist\r\n${len(id_)}\r\n{id_}\r\n")
    return path


class Scale:
    def __init__(self, stack: Stack, home: Path, table: Table) -> None:
        self._stack = stack
        self._home = home
        self._table = table

    def command(self, *arguments: str, keep: bool = True) -> Cost:
        return spent([BULK_ACTIVATE, *arguments], keep=keep, REDIS_URL=self._stack.redis_url)

    def row(self, what: str, measured: str, wanted: str) -> None:
        self._table.add_row(what, measured, wanted)

    def submit(self, ids: Path) -> tuple[str, Cost]:
        cost = self.command("submit", str(ids), "--org", ORG)
        return cost.out.decode().strip(), cost

    def beside_pipe(self, ids: Path, client: redis.Redis) -> None:
        pipe = shutil.which("redis-cli")
        if pipe is None:
            self.row("submit / redis-cli --pipe", "no redis-cli here", "at most 1.5")
            return
        commands = pushes(ids, self._home / "pushes")
        socket = self._stack.redis_url.removeprefix("unix://").partition("?")[0]
        ratios, ours = [], []
        for _ in range(PAIRS):
            job_id, cost = self.submit(ids)
            plain = spent([pipe, "-s", socket, "--pipe"], given=commands)
            ratios.append(cost.seconds / plain.seconds)
            ours.append(cost)
            client.unlink("list")
            self._stack.cli("cancel", job_id)
            self._stack.cli("purge", job_id)
        self.row("submit / redis-cli --pipe, time", f"{median(ratios):.2f}", "at most 1.5")
        self.row("submit: seconds", f"{median(cost.seconds for cost in ours):.2f}", "")
        self.row("submit: CPU seconds", f"{median(cost.cpu for cost in ours):.2f}", "")

    def finished(self, ids: Path) -> str:
        """A job carried to its end by a real worker, 5 % of it refused."""
        with simulator_process("--fail", "0.05") as api:
            job_id, _ = self.submit(ids)
            worker = self._stack.worker(api, "--concurrency", "2", rate=100_000)
            until(lambda: self._stack.report(job_id)["state"] == "completed", timeout=LONG)
            worker.terminate()
            worker.wait(30)
            self._stack.children.remove(worker)
        return job_id

    def record(self, job_id: str, count: int, client: redis.Redis) -> None:
        keys = client.scan_iter(f"bulk:{{{job_id}}}:*", count=1000)
        size = sum(client.memory_usage(key, samples=0) or 0 for key in keys)
        self.row("Redis, bytes an id, 5 % failed", f"{size / count:.1f}", "at most 30")

    def read_back(self, job_id: str, count: int, one: str) -> None:
        nothing = [self.command("results", "--help") for _ in range(PAIRS)]
        imports = median(cost.seconds for cost in nothing)
        whole = [self.command("results", job_id, keep=False) for _ in range(PAIRS)]
        rate = count / (median(cost.seconds for cost in whole) - imports)
        self.row("results to CSV: rows a second, after imports", f"{rate:,.0f}", "at least 1,000,000")
        # Up to its first line: without the process's end.
        first = median(cost.first for cost in whole) - median(cost.first for cost in nothing)
        self.row("results: first row, ms after imports", f"{1000 * first:.0f}", "at most 100")
        self.row("results: MB", f"{max(cost.megabytes for cost in whole):.0f}", "flat")
        found = [self.command("results", job_id, "--id", one) for _ in range(PAIRS)]
        assert found[0].out.count(b"\n") == 2
        look = median(cost.seconds for cost in found) - imports
        self.row("results --id: ms after imports", f"{1000 * look:.0f}", "at most 150")
        verified = self.command("verify", job_id)
        self.row("verify: seconds, MB", f"{verified.seconds:.1f}, {verified.megabytes:.0f}", "")

    def start(self) -> None:
        help_, nothing = (
            median(spent(command).cpu for _ in range(PAIRS))
            for command in ([BULK_ACTIVATE, "--help"], [sys.executable, "-c", "pass"])
        )
        self.row("--help: ms of CPU more than python", f"{1000 * (help_ - nothing):.0f}", "at most 150")

    def status(self, small: str, large: str) -> None:
        pairs = [(self.command("status", large), self.command("status", small)) for _ in range(PAIRS)]
        ratio = median(of_large.seconds / of_small.seconds for of_large, of_small in pairs)
        self.row("status of the large job / of 1,000 ids", f"{ratio:.2f}", "at most 1.2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=1_000_000)
    parser.add_argument(
        "--large", type=int, default=10_000_000, help="ids of the list that is only submitted"
    )
    given = parser.parse_args()
    table = Table("what", "measured", "figure", title=f"{given.ids:,} and {given.large:,} ids")
    with (
        tempfile.TemporaryDirectory() as folder,
        valkey9() as real,
        Stack(Path(folder), real.server.url) as stack,
        sync_client(real.server.url) as client,
    ):
        home = Path(folder)
        scale = Scale(stack, home, table)
        ids = written(home / "ids.txt", given.ids, 1)
        scale.start()
        scale.beside_pipe(ids, client)
        small, _ = scale.submit(written(home / "small.txt", 1000, 2))
        large, cost = scale.submit(written(home / "large.txt", given.large, 3))
        scale.row(f"submit {given.large:,} ids: MB", f"{cost.megabytes:.0f}", "at most 300")
        scale.row(f"submit {given.large:,} ids: seconds", f"{cost.seconds:.1f}", "")
        scale.status(small, large)
        for job_id in (small, large):
            stack.cli("cancel", job_id)
        job_id = scale.finished(ids)
        scale.record(job_id, given.ids, client)
        scale.read_back(job_id, given.ids, next(guids(given.ids, 1)))
    Console().print(table)


if __name__ == "__main__":
    main()
