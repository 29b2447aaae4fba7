"""A server process, and clients with keys of each role."""

import json
import os
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

import httpx

from producers.web.keys import Role, new_key
from tests.e2e import warm
from tests.e2e.stack import BULK_ACTIVATE, ORG, environment

OTHER_ORG: Final = "0f2c1d6e-0b3a-4d7c-8e9f-1a2b3c4d5e6f"
TEXT: Final = {"Content-Type": "text/plain"}
ENDS_WITHIN: Final = 10.0
"""Seconds that SIGTERM leaves, by the contract."""
KEYS: Final = {
    "viewer": (Role.VIEWER, ()),
    "operator": (Role.OPERATOR, ()),
    "admin": (Role.ADMIN, ()),
    "here": (Role.ADMIN, (ORG,)),
    "elsewhere": (Role.ADMIN, (OTHER_ORG,)),
}
"""The keys of a server: one that reaches every organization for each role, and two for one organization."""


@dataclass
class Served:
    """A server that can be used."""

    url: str
    process: subprocess.Popen[str] | warm.Forked
    secrets: Mapping[str, str]
    log: Path
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, name: str | None = "admin", **options: Any) -> httpx.Client:
        """A client with the key `name`; without a key if None."""
        headers = {} if name is None else {"Authorization": f"Bearer {self.secrets[name]}"}
        made = httpx.Client(base_url=self.url, headers=headers, timeout=60, **options)
        self.clients.append(made)
        return made

    def connect(self, first: bytes = b"") -> socket.socket:
        """A connection on which `first` was sent, and nothing read."""
        parts = urlsplit(self.url)
        connection = socket.create_connection((parts.hostname, parts.port))
        connection.sendall(first)
        return connection

    def ask(self, method: str, path: str, *fields: str, key: str = "admin") -> socket.socket:
        """A connection on which the head of a request was sent, and nothing read."""
        lines = (f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self.secrets[key]}")
        return self.connect("\r\n".join((*lines, *fields, "", "")).encode())

    def spooled(self) -> dict[str, int]:
        """The lists that it holds, which are unlinked temporary files, each with its mode."""
        found = {}
        for each in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(OSError):
                target = str(each.readlink())
                if target.startswith(f"{tempfile.gettempdir()}/") and "(deleted)" in target:
                    found[target] = stat.S_IMODE(each.stat().st_mode)
        return found

    def end(self) -> int:
        """The exit code, once SIGTERM has ended it."""
        self.process.terminate()
        return self.process.wait(ENDS_WITHIN)

    def events(self) -> list[dict[str, Any]]:
        """What it logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


def write_keys(path: Path) -> dict[str, str]:
    """Writes a file with `KEYS`; returns the keys by their names."""
    made = {name: new_key(name, role, orgs) for name, (role, orgs) in KEYS.items()}
    lines = ["# name role sha256 organizations", *(key.line for key in made.values())]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return {name: key.secret for name, key in made.items()}


@contextmanager
def served(
    redis_url: str,
    home: Path,
    *options: str,
    limits: Mapping[str, float] | None = None,
    fresh: bool = False,
    **settings: str,
) -> Iterator[Served]:
    """Runs `bulk-activate serve` with a file of keys in `home`; with `limits` of its own, the same server.

    `fresh`: as a program of its own, with no more than it needs; it takes a second of CPU more.
    """
    keys = home / "keys"
    secrets = write_keys(keys)
    log = home / "serve.log"
    given = {"REDIS_URL": redis_url, "SERVE_KEYS_FILE": str(keys), "LOG_FORMAT": "json", **settings}
    running = started if fresh else partial(_forked, limits)
    with log.open("wb") as err, running(err, *options, **given) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://"), log.read_text()
        found = Served(url, process, secrets, log)
        try:
            yield found
        finally:
            for client in found.clients:
                client.close()


@contextmanager
def _forked(
    limits: Mapping[str, float] | None, err: IO[bytes], *options: str, **settings: str
) -> Iterator[warm.Forked]:
    arguments = ("--port", "0", *options)
    process = warm.start_server(arguments, environment(settings), err.fileno(), limits)
    assert process.stdout is not None
    with process.stdout, _ending(process):
        yield process


@contextmanager
def _ending(process: "subprocess.Popen[str] | warm.Forked") -> Iterator[None]:
    """Ends it after the block as SIGTERM does, or at once where that fails or the test did."""
    try:
        yield
        process.terminate()
        process.wait(2 * ENDS_WITHIN)
    finally:
        process.kill()


@contextmanager
def started(err: int | IO[bytes], *options: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Runs `bulk-activate serve` as a program of its own."""
    process = subprocess.Popen(
        [BULK_ACTIVATE, "serve", "--port", "0", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=err,
        text=True,
        env=environment(settings) | {"PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "")},
    )
    # Its end waits for the process, also where the test failed.
    with process, _ending(process):
        yield process


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code of a problem, whose form is checked."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    for inner in ("Traceback", 'File "', "redis://", "unix://", "bulk_"):
        assert inner not in answer.text
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "instance", "code"}
    assert problem["status"] == answer.status_code
    assert problem["instance"] == answer.request.url.path
    return answer.status_code, problem["code"]
