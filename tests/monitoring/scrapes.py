"""Runs a real exporter and parses its metrics as Prometheus does."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.stack import BULK_ACTIVATE, TIMEOUT, environment, until
from tests.servers import free_port

ROOT: Final = Path(__file__).parents[2]
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Exporter:
    port: int

    def text(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=TIMEOUT) as answer:
            return str(answer.read().decode())

    def answers(self) -> bool:
        try:
            return bool(self.text())
        except OSError:
            return False

    def samples(self) -> dict[str, dict[Labels, float]]:
        return samples(self.text())

    def value(self, name: str, **labels: str) -> float:
        return self.samples()[f"bulk_activate_{name}"][tuple(sorted(labels.items()))]


def samples(text: str) -> dict[str, dict[Labels, float]]:
    """Values by name, then by sorted labels."""
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


@contextmanager
def exporter(redis_url: str) -> Iterator[Exporter]:
    """`bulk-activate metrics`, ready to answer."""
    running = Exporter(free_port())
    process = subprocess.Popen(
        [BULK_ACTIVATE, "metrics", "--port", str(running.port), "--with-parent"],
        stdin=subprocess.PIPE,
        env=environment({"REDIS_URL": redis_url}),
    )
    try:
        until(lambda: process.poll() is not None or running.answers())
        assert process.poll() is None
        yield running
    finally:
        process.communicate(timeout=TIMEOUT)


def legends() -> list[tuple[str, str]]:
    """Every PromQL expression of the dashboard, with the legend of its lines."""
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "bulk-activation.json").read_text())
    targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
    return [(target["expr"], target["legendFormat"]) for target in targets]


def expressions() -> list[str]:
    return [expr for expr, _ in legends()]
