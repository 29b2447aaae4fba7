"""Each panel of the dashboard has something to show, by a real Prometheus that watched real jobs."""

import math
import re
from collections.abc import Iterator

import pytest

from tests.e2e.stack import Stack, new_ids, simulator, until
from tests.monitoring.prometheus import Prometheus, prometheus
from tests.monitoring.scrapes import exporter, legends
from tests.servers import free_port, valkey9
from tests.web.served import served


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It saw a job end, and then one that waits in the middle of its way."""
    home, port = tmp_path_factory.mktemp("watched"), free_port()
    with (
        valkey9() as real,
        simulator("--fail", "0.05", "--latency", "0.05") as api,
        Stack(home, real.server.url) as stack,
        exporter(real.server.url) as told,
        served(real.server.url, home, SERVE_METRICS_PORT=str(port)) as server,
        prometheus(home, told.port, port) as running,
    ):
        until(lambda: bool(running.series("bulk_activate_redis_up")))
        stack.worker(api, rate=40)
        first = stack.submit(new_ids(300))
        until(lambda: stack.report(first)["state"] == "completed")
        second = stack.submit(new_ids(6000))
        until(lambda: stack.report(second)["counts"]["pending"] < 5900)
        assert stack.cli("pause", second).code == 0
        client = server.client("viewer")
        client.get("/api/v1/jobs")
        until(lambda: bool(running.series("bulk_activate_http_requests_total")))
        # An increase is seen between two scrapes alone.
        client.get("/api/v1/jobs")
        yield running


@pytest.mark.parametrize(("expr", "legend"), legends())
def test_a_query_gives_numbers_and_what_its_legend_names(watched: Prometheus, expr: str, legend: str) -> None:
    def numbers() -> list[float]:
        return [float(series["value"][1]) for series in watched.series(expr)]

    until(lambda: any(math.isfinite(number) for number in numbers()))
    labels = re.findall(r"\{\{(\w+)\}\}", legend)
    drawn = [{label: series["metric"].get(label, "") for label in labels} for series in watched.series(expr)]
    # A job that completed has no reason; Prometheus does not keep an empty label.
    assert all(name or label == "reason" for names in drawn for label, name in names.items())
    assert len({tuple(names.items()) for names in drawn}) == len(drawn), "two lines under one name"


def test_it_reads_the_alerts_and_finds_the_exporter_and_serve(watched: Prometheus) -> None:
    def rules() -> list[dict[str, str]]:
        return [rule for group in watched.ask("rules")["groups"] for rule in group["rules"]]

    until(lambda: all(rule["health"] == "ok" for rule in rules()))
    assert len(rules()) > 5
    assert [target["health"] for target in watched.ask("targets")["activeTargets"]] == ["up", "up"]
