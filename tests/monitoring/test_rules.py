"""Alert rules and dashboard: right by Prometheus' own checker, and about metrics that are there."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from producers.web.metrics import NO_ROUTE, HttpMetrics
from tests.monitoring.promtool import promtool
from tests.monitoring.scrapes import ROOT, expressions, samples
from worker.monitoring.metrics.families import families, up
from worker.store.metrics_snapshot import MetricsSnapshot, Org

yaml = pytest.importorskip("yaml", reason="PyYAML is in the extra `test`")

PROMETHEUS = ROOT / "deploy" / "prometheus"
OF_PROMETHEUS = {"le", "instance", "job"}


class _Whole(Collector):
    """Every family with something in it."""

    def collect(self) -> list[Metric]:
        return [up(answers=True), *families(MetricsSnapshot({}, beats=[1.0], orgs={"an-org": Org(1.0, 0.0)}))]


@pytest.fixture(scope="module")
def exported() -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    registry = CollectorRegistry()
    registry.register(_Whole())
    http = HttpMetrics(lambda: 1)
    http.began("/api/v1/jobs", 0.1)
    http.answered("GET", NO_ROUTE, 401)
    return {
        name: found
        for each in (registry, http.registry)
        for name, found in samples(generate_latest(each).decode()).items()
    }


def rules() -> list[dict[str, str]]:
    (group,) = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]
    return list(group["rules"])


def used() -> list[str]:
    return expressions() + [rule["expr"] for rule in rules()]


def test_promtool_accepts_the_rules_and_the_configuration() -> None:
    done = promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_fire_when_they_should_and_at_no_other_time() -> None:
    done = promtool("test", "rules", PROMETHEUS / "rules_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_to_fire_and_not_to_fire() -> None:
    tests = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())["tests"]
    seen = [
        (case["alertname"], bool(case["exp_alerts"])) for test in tests for case in test["alert_rule_test"]
    ]
    assert {(rule["alert"], fires) for rule in rules() for fires in (True, False)} == set(seen)


def test_a_rule_that_was_changed_is_found_out(tmp_path: Path) -> None:
    for name in ("rules.yml", "rules_test.yml"):
        (tmp_path / name).write_text((PROMETHEUS / name).read_text().replace("> 0.2", "> 0.6"))
    assert promtool("test", "rules", tmp_path / "rules_test.yml").returncode != 0


def test_promtool_understands_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    recorded = [{"record": f"panel:{at}", "expr": expr} for at, expr in enumerate(expressions())]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_that_is_used_is_exported_and_every_family_is_used(
    exported: dict[str, dict[tuple[tuple[str, str], ...], float]],
) -> None:
    named = {name for expr in used() for name in re.findall(r"bulk_activate_\w+", expr)}
    assert named
    assert named <= set(exported)
    unused = {
        name for name in exported if name not in named and not name.endswith(("_sum", "_count", "_created"))
    }
    assert unused == set()


def test_what_an_alert_watches_is_drawn() -> None:
    """Who is woken by an alert sees on the dashboard since when."""

    def metrics(expressions: list[str]) -> set[str]:
        return {name for expr in expressions for name in re.findall(r"bulk_activate_\w+", expr)}

    assert metrics([rule["expr"] for rule in rules()]) <= metrics(expressions())


def test_every_label_that_is_used_is_exported_with_that_value(
    exported: dict[str, dict[tuple[tuple[str, str], ...], float]],
) -> None:
    pairs = {pair for found in exported.values() for labels in found for pair in labels}
    for expr in used():
        for name, value in re.findall(r'(\w+)="([^"]+)"', expr):
            assert (name, value) in pairs
        for names in re.findall(r"by \(([^)]*)\)", expr):
            assert set(names.split(", ")) <= {name for name, _ in pairs} | OF_PROMETHEUS


def test_panels_stand_beside_each_other() -> None:
    panels = json.loads((ROOT / "deploy" / "grafana" / "bulk-activation.json").read_text())["panels"]
    places = [
        (x, y)
        for box in (panel["gridPos"] for panel in panels)
        for x in range(box["x"], box["x"] + box["w"])
        for y in range(box["y"], box["y"] + box["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
