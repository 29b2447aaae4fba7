"""Runs a real Prometheus with the configuration of `deploy/prometheus`, and queries it over HTTP."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.stack import TIMEOUT, until
from tests.monitoring.scrapes import ROOT
from tests.servers import free_port, missing

SHIPPED: Final = ROOT / "deploy" / "prometheus"
ITS_EXPORTER: Final = "127.0.0.1:9464"
ITS_SERVE: Final = "web:9465"
ITS_INTERVAL: Final = "scrape_interval: 15s"


@dataclass(frozen=True)
class Prometheus:
    url: str

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=TIMEOUT) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def ask(self, what: str, **query: str) -> Any:
        address = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:
            return json.load(answer)["data"]

    def series(self, expr: str) -> list[dict[str, Any]]:
        return list(self.ask("query", query=expr)["result"])


@contextmanager
def prometheus(home: Path, exporter_port: int, serve_port: int) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the exporter and `serve` every second. Without the program the test is
    skipped; with CI=true it fails.
    """
    binary = shutil.which("prometheus")
    if binary is None:
        missing("prometheus")
    config = (SHIPPED / "prometheus.yml").read_text()
    for shipped, here in {
        ITS_EXPORTER: f"127.0.0.1:{exporter_port}",
        ITS_SERVE: f"127.0.0.1:{serve_port}",
        ITS_INTERVAL: "scrape_interval: 1s",
    }.items():
        assert shipped in config
        config = config.replace(shipped, here)
    (home / "prometheus.yml").write_text(config)
    shutil.copy(SHIPPED / "rules.yml", home)
    address = f"127.0.0.1:{free_port()}"
    with (home / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                binary,
                f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        running = Prometheus(f"http://{address}")
        until(lambda: process.poll() is not None or running.answers())
        assert process.poll() is None, (home / "prometheus.log").read_text()
        yield running
    finally:
        process.terminate()
        process.wait(TIMEOUT)
