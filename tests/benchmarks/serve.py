"""What the HTTP API costs: `python -m tests.benchmarks.serve [--ids N] [--streams N]`.

A server process over one Valkey, with a worker on a job that runs slowly. Latencies are medians of requests
over one connection, beside the same reading by a Python client in this process, as the commands do it. CPU
and memory are those of the server alone.
"""

import argparse
import asyncio
import http.client
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil
from rich.console import Console

from producers import Client
from tests.benchmarks.cpu import cpu_seconds
from tests.benchmarks.memory import peak_megabytes
from tests.benchmarks.numbered import names
from tests.e2e.stack import ORG, Stack, new_ids, simulator
from tests.servers import valkey9
from tests.web.served import TEXT, Served, served

SECONDS: Final = 20.0
"""How long event streams are watched."""
REQUESTS: Final = 200
JOBS: Final = f"/api/v1/jobs?org_id={ORG}"

show = Console(highlight=False, width=120).print


def median_ms(call: Callable[[], object], count: int = REQUESTS) -> float:
    """The median of `count` calls, in milliseconds."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)


def status(server: Served, client: Client, job_id: str) -> None:
    ours = server.client("viewer")
    by_http = median_ms(lambda: ours.get(f"/api/v1/jobs/{job_id}").raise_for_status())
    read = median_ms(client.job(job_id).report)
    show(f"status: {by_http:.1f} ms over HTTP, {read:.1f} ms by the client: {by_http - read:.1f} ms more")


async def watch(server: Served, job_id: str, streams: int) -> None:
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
    show(
        f"{streams} event streams on a running job: {cores:.3f} cores, {grown:.0f} MB more,"
        f" {(events - seen) / took:.0f} events/s"
    )
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def wrong_keys(server: Served, job_id: str) -> None:
    """Wrong keys from other connections, as fast as they are refused, beside the right one."""
    ours = server.client("viewer")

    def ask() -> None:
        ours.get(f"/api/v1/jobs/{job_id}").raise_for_status()

    alone = median_ms(ask)

    async def flood() -> tuple[float, float]:
        parts = urlsplit(server.url)
        request = b"GET /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n\r\n"
        refused = 0

        async def one() -> None:
            nonlocal refused
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            while True:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
                await reader.readexactly(length)
                refused += 1

        tasks = [asyncio.create_task(one()) for _ in range(16)]
        began = time.monotonic()
        beside = await asyncio.to_thread(median_ms, ask)
        rate = refused / (time.monotonic() - began)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return beside, rate

    beside, rate = asyncio.run(flood())
    show(f"status beside {rate:,.0f} wrong keys/s on 16 connections: {beside:.1f} ms, {alone:.1f} ms without")


def pieces(count: int) -> Iterator[bytes]:
    chunk: list[str] = []
    for name in names(count):
        chunk.append(name)
        if len(chunk) == 20_000:
            yield ("\n".join(chunk) + "\n").encode()
            chunk.clear()
    yield "\n".join(chunk).encode()


def upload(server: Served, count: int) -> str:
    client = server.client("operator")
    began = time.monotonic()
    answer = client.post(JOBS, content=pieces(count), headers=TEXT, timeout=1800)
    answer.raise_for_status()
    took = time.monotonic() - began
    peak = peak_megabytes(server.process.pid)
    show(f"upload of {count:,} ids: {took:.1f} s, {peak:.0f} MB at most")
    return str(answer.json()["job_id"])


def results(server: Served, job_id: str) -> None:
    parts = urlsplit(server.url)
    for media_type in ("text/csv", "application/x-ndjson"):
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port or 80)
        headers = {"Authorization": f"Bearer {server.secrets['viewer']}", "Accept": media_type}
        began, rows = time.monotonic(), 0
        connection.request("GET", f"/api/v1/jobs/{job_id}/results", headers=headers)
        answer = connection.getresponse()
        while chunk := answer.read(1 << 20):
            rows += chunk.count(b"\n")
        took = time.monotonic() - began
        connection.close()
        show(f"results as {media_type}: {rows / took:,.0f} rows/s of {rows:,}")
    show(f"memory after it: {peak_megabytes(server.process.pid):.0f} MB at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ids", type=int, default=10_000_000, help="Ids of the upload.")
    parser.add_argument("--streams", type=int, default=200, help="Event streams.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, valkey9() as real:
        on_a_running_job(real.server.url, Path(folder), options.streams)
        # A new process, so that its peak of memory is that of the upload.
        with served(real.server.url, Path(folder), fresh=True) as server:
            results(server, upload(server, options.ids))


def on_a_running_job(redis_url: str, home: Path, streams: int) -> None:
    with (
        served(redis_url, home, fresh=True) as server,
        Client(redis_url=redis_url) as client,
        simulator() as api,
        Stack(home, redis_url) as stack,
    ):
        job = client.submit(new_ids(20_000), org_id=ORG)
        stack.worker(api, rate=10)
        status(server, client, job.id)
        asyncio.run(watch(server, job.id, streams))
        wrong_keys(server, job.id)
        job.cancel()


if __name__ == "__main__":
    main()
