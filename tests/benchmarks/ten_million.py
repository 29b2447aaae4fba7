"""Ten million ids from a file to their results: `python -m tests.benchmarks.ten_million [--ids N]`.

`submit` reads a file, two worker processes send to the fast API (`numbered`), `verify` recounts, and the
results folder is held, row by row, against what that API did. The same workers' memory is read when they
have settled the first 150 thousand ids and at the end. All files are temporary: 2 GB for ten
million ids.
"""

import argparse
import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.benchmarks.contestants import FULL_SPEED, Echo, echo
from tests.benchmarks.memory import peak_megabytes, worker_pids
from tests.benchmarks.numbered import is_refused, names, number_of
from tests.benchmarks.ours import Ours, wait, workers
from tests.benchmarks.scale import spent
from tests.e2e.stack import BULK_ACTIVATE, ORG
from worker.reports.folder import RESULTS
from worker.reports.status import read_report

EARLY: Final = 150_000
TOO_LONG: Final = 3600.0
FOLDER: Final = """
import sys

from producers import Client

with Client() as client:
    client.job(sys.argv[1]).write_folder(sys.argv[2])
"""
"""The results folder of `run`, of a job that `run` did not start."""


class Journey:
    def __init__(
        self, api: Echo, worker: Ours, home: Path, count: int, row: Callable[[str, str], None]
    ) -> None:
        self._api = api
        self._worker = worker
        self._home = home
        self._count = count
        self._row = row

    def submit(self) -> str:
        path = self._home / "ids.txt"
        with path.open("w", encoding="ascii") as file:
            file.writelines(f"{id_}\n" for id_ in names(self._count))
        cost = spent([BULK_ACTIVATE, "submit", str(path), "--org", ORG], REDIS_URL=self._worker.url)
        path.unlink()
        self._row("submit: seconds, MB", f"{cost.seconds:.1f}, {cost.megabytes:.0f}")
        return cost.out.decode().strip()

    def carried(self, job_id: str) -> None:
        """Waits for the job's end; what it took."""
        pids = worker_pids(self._worker.worker)
        early = min(EARLY, self._count // 2)
        self._done(lambda: self._settled(job_id) >= early)
        before = [peak_megabytes(pid) for pid in pids]
        self._done(lambda: self._worker.rests(job_id))
        after = [peak_megabytes(pid) for pid in pids]
        seen = self._api.stats()
        seconds = seen["last"] - seen["first"]
        self._row("first request to last: seconds", f"{seconds:.1f}")
        self._row("requests: all, a second", f"{seen['requests']:,}, {seen['requests'] / seconds:,.0f}")
        self._row(f"worker processes: MB at {early:,} ids", _whole(before))
        self._row("worker processes: MB at the end", _whole(after))
        self._row(
            "the same, largest ratio",
            f"{max(late / first for first, late in zip(before, after, strict=True)):.3f}",
        )
        memory: Any = self._worker.client.info("memory")
        self._row("Redis: MB, bytes an id", _bytes(int(memory["used_memory"]), self._count))
        self._row("the API: MB", f"{peak_megabytes(self._api.pid):.0f}")

    def proven(self, job_id: str) -> None:
        """Raises `AssertionError` where the report, the rows and the API's world do not agree."""
        told = self._api.stats()
        world = {
            name: told[name] for name in ("activated", "failed", "never_sent", "sent_again", "strangers")
        }
        counts = read_report(self._worker.store, job_id).counts
        self._row("outcomes by the API", ", ".join(f"{value:,} {name}" for name, value in world.items()))
        self._row(
            "outcomes by the job", ", ".join(f"{value:,} {name}" for name, value in counts.items() if value)
        )
        verified = spent([BULK_ACTIVATE, "verify", job_id], REDIS_URL=self._worker.url)
        self._row("verify", verified.out.decode().strip())
        self._row("verify: seconds, MB", f"{verified.seconds:.1f}, {verified.megabytes:.0f}")
        folder = self._home / "results"
        written = spent([sys.executable, "-c", FOLDER, job_id, str(folder)], REDIS_URL=self._worker.url)
        self._row("results folder: seconds, MB", f"{written.seconds:.1f}, {written.megabytes:.0f}")
        checked = spent([BULK_ACTIVATE, "verify", "--folder", str(folder)])
        self._row("verify --folder", checked.out.decode().splitlines()[0])
        rows = outcomes(folder / RESULTS, self._count)
        assert rows == {name: told[name] for name in rows}, (rows, told)
        assert rows == {name: counts[name] for name in rows}, (rows, counts)
        assert rows.total() == self._count
        self._row("results against the API, row by row", f"{rows.total():,} agree")

    def _settled(self, job_id: str) -> int:
        return read_report(self._worker.store, job_id).settled()

    def _done(self, true: Callable[[], bool]) -> None:
        if not wait(true, TOO_LONG):
            raise SystemExit(f"it did not happen within {TOO_LONG:g} s: look at what else this machine does")


def outcomes(results: Path, count: int) -> Counter[str]:
    """The rows by outcome. Raises `AssertionError` for a row that is not as the API's rule has it."""
    seen = bytearray(count)
    found: Counter[str] = Counter()
    with results.open(newline="", encoding="ascii") as file:
        for row in csv.DictReader(file):
            number = number_of(row["id"])
            assert not seen[number], row
            assert row["outcome"] == ("failed" if is_refused(number) else "activated"), row
            assert row["line"] == str(number + 1), row
            seen[number] = 1
            found[row["outcome"]] += 1
    return found


def _whole(values: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def _bytes(used: int, count: int) -> str:
    return f"{used / 1e6:,.0f}, {used / count:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=10_000_000)
    count = parser.parse_args().ids
    table = Table("what", "measured", title=f"{count:,} ids")
    with (
        tempfile.TemporaryDirectory() as folder,
        echo(0.0, "numbered", "--ids", str(count)) as api,
        workers(api.url, 2, **FULL_SPEED) as worker,
    ):
        journey = Journey(api, worker, Path(folder), count, table.add_row)
        job_id = journey.submit()
        try:
            journey.carried(job_id)
            journey.proven(job_id)
        finally:
            Console(width=160).print(table)


if __name__ == "__main__":
    main()
