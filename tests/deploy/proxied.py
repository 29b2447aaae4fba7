"""Runs a real nginx with `deploy/nginx/bulk-activate.conf`, before whatever listens at a URL."""

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.embedded.supervisors import DEADLINE
from tests.limits.nginx import begin, command, find_nginx
from tests.redis.guarded import Certificates
from tests.servers import free_port, missing

CONF: Final = Path(__file__).parents[2] / "deploy" / "nginx" / "bulk-activate.conf"
NAME: Final = "bulk-activate.example.com"
_AROUND: Final = """
daemon off;
master_process off;
pid {home}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {home}/bodies;
    proxy_temp_path {home}/answers;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/bulk-activate.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An nginx that answers."""

    plain: int
    """The port without TLS."""
    secure: int
    home: Path

    def access_log(self) -> str:
        return (self.home / "access.log").read_text()

    def spooled(self) -> list[Path]:
        """What it wrote of requests and answers."""
        return [path for name in ("bodies", "answers") for path in (self.home / name).rglob("*")]


@contextmanager
def proxied(behind: str, signed: Certificates) -> Iterator[Proxy]:
    """The configuration as it stands, but for addresses and paths. Skips the test where there is no nginx."""
    binary = find_nginx() or missing("nginx")
    with tempfile.TemporaryDirectory(prefix="ngx-", dir="/tmp") as folder:
        proxy = Proxy(free_port(), free_port(), Path(folder))
        (proxy.home / "bulk-activate.conf").write_text(_here(proxy, behind, signed))
        (proxy.home / "nginx.conf").write_text(_AROUND.format(home=proxy.home))
        tried = subprocess.run(
            [*command(binary, proxy.home), "-t"], capture_output=True, text=True, check=False
        )
        assert tried.returncode == 0, tried.stderr
        process = begin(binary, proxy.home)
        try:
            yield proxy
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)


def _here(proxy: Proxy, behind: str, signed: Certificates) -> str:
    text = CONF.read_text()
    for shipped, here in {
        "listen 80;": f"listen 127.0.0.1:{proxy.plain};",
        "listen [::]:80;": "",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{proxy.secure} ssl http2;",
        "listen [::]:443 ssl http2;": "",
        "/etc/ssl/bulk-activate.pem": str(signed.certificate),
        "/etc/ssl/private/bulk-activate.key": str(signed.key),
        "/var/log/nginx/bulk-activate.log": str(proxy.home / "access.log"),
        "http://127.0.0.1:8080": f"http://{urlsplit(behind).netloc}",
        "client_max_body_size 2g;": "client_max_body_size 2m;",
    }.items():
        assert shipped in text, shipped
        text = text.replace(shipped, here)
    return text
