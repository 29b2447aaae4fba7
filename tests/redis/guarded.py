"""Runs Redis servers with users, certificates and sentinels, on TCP of the loopback."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import redis

from tests.e2e.stack import until
from tests.servers import free_port, missing

PASSWORD: Final = "hunter2@:/%"
"""A password with every character that has to be escaped in a URL."""


@dataclass
class Process:
    port: int
    process: "subprocess.Popen[bytes]"
    home: Path
    password: str | None = None
    user: str | None = None

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def admin(self) -> redis.Redis:
        """A client with all rights, on the unix socket; the default user unless another is named."""
        return redis.Redis(
            unix_socket_path=str(self.home / "s"),
            username=self.user,
            password=self.password,
            socket_timeout=None,
        )


@contextmanager
def redis_server(
    *lines: str, password: str | None = None, user: str | None = None, sentinel: bool = False
) -> Iterator[Process]:
    """A server with `lines` in its configuration. It is stopped at the end.

    `password` is that of the default user, or of `user`, which `lines` must define.
    """
    binary = shutil.which("redis-server") or missing("redis7")
    port = free_port()
    common = [f"port {port}", "bind 127.0.0.1", "unixsocket {home}/s", "dir {home}", "daemonize no"]
    if password is not None and user is None:
        common.append(f"requirepass {password}")
    with tempfile.TemporaryDirectory(prefix="red-", dir="/tmp") as folder:
        config = Path(folder) / "conf"
        text = "\n".join([*common, *lines]).replace("{home}", folder)
        config.write_text(text.replace("port ", "port 0\ntls-port ", 1) if "tls-cert" in text else text)
        command = [binary, str(config), *(["--sentinel"] if sentinel else [])]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started = Process(port, process, Path(folder), password, user)
        try:
            with started.admin() as client:
                until(lambda: _answers(client) or process.poll() is not None)
                # The socket is in a folder of its own: it is this one that answered.
                assert process.poll() is None
            yield started
        finally:
            process.kill()
            process.wait()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


@dataclass(frozen=True)
class Certificates:
    """An authority, and the certificate of the host that it signed."""

    authority: Path
    certificate: Path
    key: Path


def certificates(home: Path, host: str) -> Certificates:
    found = shutil.which("openssl") or missing("openssl")

    def openssl(*arguments: str) -> None:
        subprocess.run([found, *arguments], cwd=home, check=True, capture_output=True)

    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    openssl(*new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=A made-up authority")
    name = f"subjectAltName={'IP' if host[0].isdigit() else 'DNS'}:{host}"
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", name, "-addext", "basicConstraints=CA:FALSE")
    openssl(*new, *signed, "-keyout", "s.key", "-out", "s.pem", "-subj", f"/CN={host}")
    return Certificates(home / "ca.pem", home / "s.pem", home / "s.key")


@dataclass
class Watched:
    """A master, its replica, and three sentinels with a quorum of two."""

    master: Process
    replica: Process
    sentinels: list[Process]

    def url(self, db: int = 0) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"sentinel://{hosts}/{db}?master=jobs"


@contextmanager
def watched() -> Iterator[Watched]:
    with ExitStack() as stack:
        start = stack.enter_context
        data = ("appendonly yes", 'save ""')
        master = start(redis_server(*data))
        replica = start(redis_server(*data, f"replicaof 127.0.0.1 {master.port}"))
        sentinels = [
            start(
                redis_server(
                    f"sentinel monitor jobs 127.0.0.1 {master.port} 2",
                    "sentinel down-after-milliseconds jobs 500",
                    "sentinel failover-timeout jobs 3000",
                    sentinel=True,
                )
            )
            for _ in range(3)
        ]
        with replica.admin() as client, sentinels[0].admin() as asked:
            until(lambda: client.info("replication")["master_link_status"] == "up")
            until(lambda: _knows_all(asked))
        yield Watched(master, replica, sentinels)


def _knows_all(sentinel: redis.Redis) -> bool:
    state = cast("dict[str, Any]", sentinel.sentinel_masters())["jobs"]
    return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == 1)
