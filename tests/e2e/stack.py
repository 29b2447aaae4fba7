"""Starts the product's processes and observes them from outside."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from tests.e2e import warm
from tests.serving import serving
from worker.reports.status import read_report
from worker.simulator.__main__ import command, config_of
from worker.simulator.server import make_app
from worker.store.connect import sync_client
from worker.store.jobs import JobStore

BULK_ACTIVATE: Final = str(Path(sys.executable).with_name("bulk-activate"))
CELERY: Final = str(Path(sys.executable).with_name("celery"))
ORG: Final = "6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f"
TOKEN: Final = "an-owners-API-token-that-must-show-up-nowhere"
TIMEOUT: Final = 90.0
"""Seconds until a test gives up. Tests wait for events, not for times."""

Process = subprocess.Popen[bytes] | warm.Forked
"""A process started as a program, or forked."""


@dataclass(frozen=True)
class Done:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment with no settings of ours but `extra`, given without their prefix."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("BULK_ACTIVATE_")}
    return bare | {f"BULK_ACTIVATE_{name}": value for name, value in extra.items()}


def cli(*arguments: str, given: str | bytes | None = None, **settings: str) -> Done:
    """Runs `bulk-activate` to its end, with `given` as stdin."""
    return forked(arguments, environment(settings), given.encode() if isinstance(given, str) else given)


def forked(arguments: Sequence[str], env: Mapping[str, str], given: bytes | None = None) -> Done:
    """Runs `bulk-activate` to its end in the environment `env`, with `given` as stdin."""
    code, out, err = warm.run(arguments, env, given, TIMEOUT)
    return Done(code, out.decode(), err.decode())


_OF_THE_PROCESS: Final = ("host", "port", "with_parent")
"""Options of the simulator's command that concern its process, not its answers."""


@dataclass
class Simulator:
    """A running simulator."""

    url: str

    def world(self) -> dict[str, dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/world") as answer:
            return {entry["id"]: entry for entry in map(json.loads, answer)}

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/stats") as answer:
            return dict(json.load(answer))

    def control(self, **changes: Any) -> None:
        body = json.dumps(changes).encode()
        request = urllib.request.Request(f"{self.url}/control", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request).close()


@contextmanager
def simulator(*options: str) -> Iterator[Simulator]:
    """Runs the simulator in a thread of this process, with the options of its command."""
    given = command.make_context("simulator", [*options]).params
    config = config_of({name: value for name, value in given.items() if name not in _OF_THE_PROCESS})
    with serving(make_app(config, TOKEN)) as url:
        yield Simulator(url)


@contextmanager
def simulator_process(*options: str) -> Iterator[Simulator]:
    """Runs the simulator as a process of its own, so that it does not share a core with what it measures."""
    process = subprocess.Popen(
        [BULK_ACTIVATE, "simulator", "--with-parent", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"SIMULATOR_API_TOKEN": TOKEN},
    )
    assert process.stdout is not None
    try:
        yield Simulator(json.loads(process.stdout.readline())["url"])
    finally:
        process.communicate(timeout=TIMEOUT)


@dataclass
class Stack:
    """One Redis and any number of workers."""

    home: Path
    redis_url: str
    children: list[Process] = field(default_factory=list)
    outer: dict[str, str] = field(default_factory=dict)
    """Environment of its processes besides our own settings."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait(TIMEOUT)

    def cli(self, *arguments: str, given: str | None = None, **settings: str) -> Done:
        return cli(*arguments, given=given, REDIS_URL=self.redis_url, **settings)

    def submit(self, ids: list[str], *options: str) -> str:
        done = self.cli("submit", "-", "--org", ORG, *options, given="\n".join(ids))
        assert done.code == 0, done.err
        return done.out.strip()

    def worker(self, api: Simulator, *options: str, rate: float | str = 1000, **settings: str) -> Process:
        given = {"API_URL": api.url, "API_TOKEN": TOKEN, "RATE": str(rate), **settings}
        with self.log.open("ab") as log:
            child = warm.start_worker(options, self._environment(given), log.fileno())
        self.children.append(child)
        return child

    def start(self, command: list[str], **settings: str) -> Process:
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment(settings)
            )
        self.children.append(child)
        return child

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        return environment({"REDIS_URL": self.redis_url, **settings}) | self.outer

    @property
    def log(self) -> Path:
        return self.home / "worker.log"

    def report(self, job_id: str) -> dict[str, Any]:
        """The report of a job, as `status -o json` prints it."""
        with sync_client(self.redis_url) as client:
            return dict(msgspec.to_builtins(read_report(JobStore(client), job_id)))

    def rows(self, job_id: str) -> list[dict[str, Any]]:
        done = self.cli("results", job_id, "-o", "ndjson")
        return [json.loads(line) for line in done.out.splitlines()]


def new_ids(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


def until(condition: Callable[[], bool], timeout: float = TIMEOUT) -> None:
    """Waits for `condition` by polling. Fails after `timeout` seconds."""
    ends = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < ends, "it never happened"
        time.sleep(0.05)


def expected(world: Mapping[str, Mapping[str, Any]], token_id: str) -> str:
    """The outcome that the report must show for an id, by the API's own record."""
    entry = world[token_id]
    if not entry["active"]:
        return "failed"
    return "already_active" if entry["was_active"] else "activated"


def agree(rows: Iterable[Mapping[str, Any]], world: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether exactly the tokens that the report calls active are active at the API."""
    active = {row["id"] for row in rows if row["outcome"] in {"activated", "already_active"}}
    return active == {token_id for token_id, entry in world.items() if entry["active"]}


def interrupt(process: Process) -> None:
    """Sends SIGINT, as Ctrl-C does."""
    process.send_signal(signal.SIGINT)
