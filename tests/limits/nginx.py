"""A real nginx whose `limit_req` stands before an API, or before an answer of its own.

    with limited_api() as api, nginx(50, behind=api.url) as limit:
        ...  # requests to limit.url; limit.arrivals() tells when each came and what it was told

Source: ngx_http_limit_req_module. Its key is a constant here, so that all clients share one limit. It
counts in thousandths of a request and in whole milliseconds. An answer by `return` would go out before the
limit is looked at, so what nginx answers by itself stands behind a second server, on a unix socket.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.e2e.stack import until
from tests.embedded.supervisors import DEADLINE
from tests.limits.arrivals import Arrival
from tests.servers import free_port, missing
from worker.embedded.deathsig import ending_with_parent

_TRIES: Final = 5
"""Between asking the system for a free port and nginx taking it, another may take it."""

_CONFIG: Final = """
# One process, so that the pid that nginx tells is that of the child that was started.
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log {home}/error.log notice;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    log_format arrivals '$msec $request_time $status';
    client_body_buffer_size 64k;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    keepalive_requests 1000000;
    limit_req_zone everyone zone=all:1m rate={rate}r/s;
    limit_req_status 429;
    upstream api {{ server {api}; keepalive 64; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location = /pid {{ return 200 $pid; }}
        location / {{
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
        location ~ /activate$ {{
            limit_req zone=all {burst};
            access_log {home}/arrivals.log arrivals;
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
    server {{
        listen unix:{home}/own.sock;
        location / {{ return 200 '{{"successes":[]}}'; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    url: str
    pid: int
    home: Path

    def arrivals(self) -> list[Arrival]:
        """Every activate request that is answered, in the order in which they came, to the millisecond.

        nginx writes a line when it has answered, and how long that took.
        """
        lines = (self.home / "arrivals.log").read_text().splitlines()
        rows = [line.split(" ") for line in lines]
        found = [Arrival(round(float(at) - float(took), 3), int(status), 0.0) for at, took, status in rows]
        return sorted(found, key=lambda arrival: arrival.at)


@contextmanager
def nginx(rate: int, *, burst: str = "burst=10 nodelay", behind: str | None = None) -> Iterator[Nginx]:
    """Nginx with `rate` requests per second, before the API at `behind`, else before an answer of its own.

    `burst` as the directive has it; empty for none. Skips the test, or fails it where CI=true, where there
    is no nginx.
    """
    binary = find_nginx()
    if binary is None:
        missing("nginx")
    # Not pytest's tmp_path: its names are too long for a socket.
    with tempfile.TemporaryDirectory(prefix="ngx-", dir="/tmp") as folder:
        home = Path(folder)
        api = f"unix:{home}/own.sock" if behind is None else urlsplit(behind).netloc
        process, url = _start(binary, home, rate=rate, burst=burst, api=api)
        try:
            yield Nginx(url, process.pid, home)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)


def find_nginx() -> str | None:
    """Debian puts it where only root's PATH looks."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def command(binary: str, home: Path) -> list[str]:
    """Runs nginx with `nginx.conf` in `home`, where its errors go too."""
    return [binary, "-p", str(home), "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")]


def begin(binary: str, home: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command(binary, home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=ending_with_parent(),  # noqa: PLW1509 -- it only calls prctl.
    )


def _start(
    binary: str, home: Path, *, rate: int, burst: str, api: str
) -> tuple["subprocess.Popen[bytes]", str]:
    for _ in range(_TRIES):
        port = free_port()
        text = _CONFIG.format(home=home, rate=rate, burst=burst, api=api, port=port)
        (home / "nginx.conf").write_text(text)
        process = begin(binary, home)
        url = f"http://127.0.0.1:{port}"
        if _is_ours(process, url):
            return process, url
        process.kill()
        process.wait()
    raise AssertionError(f"nginx did not start: {(home / 'error.log').read_text()}")


def _is_ours(process: "subprocess.Popen[bytes]", url: str) -> bool:
    """Waits until something answers at `url`; whether it is `process`."""
    answered: list[int] = []

    def told() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/pid", timeout=DEADLINE) as answer:
                answered.append(int(answer.read()))
        except (OSError, ValueError):
            return process.poll() is not None
        return True

    until(told)
    return answered == [process.pid] and process.poll() is None
