"""What the HTTP API costs, beside what it may: `python -m tests.benchmarks.serve [CASE] [--ids N]`.

A server process over one Valkey, with a worker on a job that runs slowly. Latencies are medians of requests
over one connection, beside the same reading by a Python client in this process, as the commands do it. CPU
and memory are those of the server alone.
"""

import argparse
import asyncio
import http.client
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import psutil
from rich.console import Console
from rich.table import Table

from producers import Client
from tests.benchmarks.cpu import cpu_seconds
from tests.benchmarks.memory import peak_megabytes
from tests.benchmarks.numbered import names
from tests.e2e.stack import ORG, Stack, new_ids, simulator_process
from tests.servers import valkey9
from tests.web.served import TEXT, Served, served

SECONDS: Final = 20.0
"""How long event streams are watched."""
REQUESTS: Final = 200
JOBS: Final = f"/api/v1/jobs?org_id={ORG}"


class Row(NamedTuple):
    figure: str
    value: str
    to_reach: str = ""


def median_ms(call: Callable[[], object], count: int = REQUESTS) -> float:
    """The median of `count` calls, in milliseconds."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)


def asking(server: Served, job_id: str) -> Callable[[], object]:
    """Asks for the document of the job. By the standard library: httpx takes longer than the server."""
    connection = _connected(server)
    headers = {"Authorization": f"Bearer {server.secrets['viewer']}"}

    def ask() -> None:
        connection.request("GET", f"/api/v1/jobs/{job_id}", headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == http.HTTPStatus.OK

    return ask


def _connected(server: Served) -> http.client.HTTPConnection:
    parts = urlsplit(server.url)
    return http.client.HTTPConnection(str(parts.hostname), parts.port or 80)


def status(server: Served, client: Client, job_id: str) -> Iterator[Row]:
    by_http = median_ms(asking(server, job_id))
    read = median_ms(client.job(job_id).report)
    yield Row(
        "a status request", f"{by_http:.1f} ms, {by_http - read:.1f} more than reading", "at most 5 ms more"
    )


def watch(server: Served, job_id: str, streams: int) -> Iterator[Row]:
    cores, megabytes, rate = asyncio.run(_watched(server, job_id, streams))
    figure = f"{streams} event streams on a running job"
    yield Row(f"{figure}, CPU", f"{cores:.3f} of a core, {rate:.0f} events/s", "less than 0.1")
    yield Row(f"{figure}, memory", f"{megabytes:.0f} MB more", "less than 100")


async def _watched(server: Served, job_id: str, streams: int) -> tuple[float, float, float]:
    """The share of a core, the megabytes more, and the events a second."""
    head = (
        f"GET /api/v1/jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {server.secrets['viewer']}\r\n\r\n"
    ).encode()
    parts = urlsplit(server.url)
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    events, all_open = 0, asyncio.Event()

    async def one() -> None:
        nonlocal events
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(head)
        try:
            while chunk := await reader.read(1 << 16):
                events += chunk.count(b"event: report")
                if events >= streams:
                    all_open.set()
        finally:
            writer.close()

    tasks = [asyncio.create_task(one()) for _ in range(streams)]
    await all_open.wait()
    used, began, seen = cpu_seconds(server.process.pid), time.monotonic(), events
    await asyncio.sleep(SECONDS)
    took = time.monotonic() - began
    cores = (cpu_seconds(server.process.pid) - used) / took
    grown = (process.memory_info().rss - before) / 2**20
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return cores, grown, (events - seen) / took


def wrong_keys(server: Served, job_id: str) -> Iterator[Row]:
    """Ten thousand, which come at once on forty connections."""
    ask = asking(server, job_id)
    alone = median_ms(ask)
    wrong = b"GET /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n\r\n"
    flood = [server.connect(250 * wrong) for _ in range(40)]
    beside = median_ms(ask)
    for connection in flood:
        connection.close()
    alone = statistics.mean([alone, median_ms(ask)])
    yield Row(
        "a status request beside 10,000 wrong keys",
        f"{beside:.1f} ms, {beside / alone:.2f} of that without",
        "no slower",
    )


def pieces(count: int) -> Iterator[bytes]:
    chunk: list[str] = []
    for name in names(count):
        chunk.append(name)
        if len(chunk) == 20_000:
            yield ("\n".join(chunk) + "\n").encode()
            chunk.clear()
    yield "\n".join(chunk).encode()


def lists(server: Served, count: int) -> Iterator[Row]:
    client = server.client("operator")
    began = time.monotonic()
    answer = client.post(JOBS, content=pieces(count), headers=TEXT, timeout=1800)
    answer.raise_for_status()
    took, peak = time.monotonic() - began, peak_megabytes(server.process.pid)
    yield Row(f"upload of {count:,} ids", f"{peak:.0f} MB at most, {took:.0f} s", "within 300 MB")
    for media_type in ("text/csv", "application/x-ndjson"):
        used = cpu_seconds(server.process.pid)
        rows, took = _read(server, str(answer.json()["job_id"]), media_type)
        of_cpu = rows / (cpu_seconds(server.process.pid) - used)
        yield Row(
            f"results as {media_type}",
            f"{rows / took:,.0f} rows/s, {of_cpu:,.0f} a second of CPU",
            "at least 500,000 rows/s",
        )
    yield Row("memory after it", f"{peak_megabytes(server.process.pid):.0f} MB at most")


def _read(server: Served, job_id: str, media_type: str) -> tuple[int, float]:
    """The rows of a job, and the seconds that it took to read them."""
    connection = _connected(server)
    headers = {"Authorization": f"Bearer {server.secrets['viewer']}", "Accept": media_type}
    began, rows = time.monotonic(), 0
    connection.request("GET", f"/api/v1/jobs/{job_id}/results", headers=headers)
    answer = connection.getresponse()
    while chunk := answer.read(1 << 20):
        rows += chunk.count(b"\n")
    connection.close()
    return rows, time.monotonic() - began


def on_a_running_job(redis_url: str, home: Path, streams: int) -> Iterator[Row]:
    with (
        served(redis_url, home, fresh=True) as server,
        Client(redis_url=redis_url) as client,
        # Apart, so that it does not take the processor from who measures.
        simulator_process() as api,
        Stack(home, redis_url) as stack,
    ):
        job = client.submit(new_ids(20_000), org_id=ORG)
        stack.worker(api, rate=10)
        yield from status(server, client, job.id)
        yield from watch(server, job.id, streams)
        yield from wrong_keys(server, job.id)
        job.cancel()


def on_a_large_list(redis_url: str, home: Path, count: int) -> Iterator[Row]:
    # A new process, so that its peak of memory is that of the list.
    with served(redis_url, home, fresh=True) as server:
        yield from lists(server, count)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", nargs="?", default="all", choices=("all", "running", "lists"))
    parser.add_argument("--ids", type=int, default=10_000_000, help="of the list")
    parser.add_argument("--streams", type=int, default=200, help="of events")
    options = parser.parse_args()
    made = Table("figure", "measured", "to reach")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, valkey9() as real:
        home, url = Path(folder), real.server.url
        cases: dict[str, Callable[[], Iterator[Row]]] = {
            "running": lambda: on_a_running_job(url, home, options.streams),
            "lists": lambda: on_a_large_list(url, home, options.ids),
        }
        for name, case in cases.items():
            for row in case() if options.case in {"all", name} else ():
                made.add_row(*row)
                Console(stderr=True).print(*row)
    console = Console(width=150)
    console.print(made)
    console.print(f"load of the machine before it: {load:.1f}, after it: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
