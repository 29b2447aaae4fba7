"""Metrics of the requests to `serve`: by template, method and status, whatever is asked for."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import ORG, cli, until
from tests.monitoring.promtool import promtool
from tests.monitoring.scrapes import Exporter
from tests.servers import RealServer, free_port
from tests.web.served import TEXT, Served, served

JOBS = f"/api/v1/jobs?org_id={ORG}"


@pytest.fixture(scope="module")
def told() -> Exporter:
    return Exporter(free_port())


@pytest.fixture(scope="module")
def server(told: Exporter, valkey: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("serve")
    with served(valkey.server.url, home, SERVE_METRICS_PORT=str(told.port)) as running:
        yield running


def requests(told: Exporter, method: str, route: str, status: int | str) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    found = told.samples().get("bulk_activate_http_requests_total", {})
    return found.get(tuple(sorted(labels.items())), 0)


def test_requests_are_counted_by_template_and_status(server: Served, told: Exporter) -> None:
    client, stranger = server.client("operator"), server.client(None)
    job = client.post(JOBS, content="an-id", headers=TEXT).json()["job_id"]
    for _ in range(3):
        client.get(f"/api/v1/jobs/{job}")
    client.get("/api/v1/jobs/no-such-job")
    client.get("/no/such/path")
    stranger.get(f"/api/v1/jobs/{job}")
    stranger.get("/healthz")
    stranger.options("/api/v1/jobs", headers={"Host": "evil.example"})
    one = "/api/v1/jobs/{job_id}"
    counted = {
        ("POST", "/api/v1/jobs", 201): 1,
        ("GET", one, 200): 3,
        ("GET", one, 404): 1,
        ("GET", "none", 404): 1,
        ("GET", "none", 401): 1,
        ("OPTIONS", "none", 400): 1,
        ("GET", "/healthz", 200): 1,
    }
    # An answer is counted once it is out.
    until(lambda: {labels: requests(told, *labels) for labels in counted} == counted)
    began = told.samples()["bulk_activate_http_request_seconds_count"]
    assert began[("route", one),] == 4
    # How long a change lets wait for itself says nothing about the server.
    client.get(f"/api/v1/jobs/{job}", params={"wait": 0.1})
    until(lambda: requests(told, "GET", one, 200) == 4)
    assert told.samples()["bulk_activate_http_request_seconds_count"][("route", one),] == 4


def test_open_event_streams_are_told(server: Served, told: Exporter) -> None:
    client = server.client("operator")
    job = client.post(JOBS, content="an-id", headers=TEXT).json()["job_id"]
    path = f"/api/v1/jobs/{job}/events"
    with client.stream("GET", path) as first, server.client("viewer").stream("GET", path) as second:
        # Kept, since the end of an iterator ends its stream.
        lines = [first.iter_lines(), second.iter_lines()]
        assert [next(each) for each in lines] == ["event: report", "event: report"]
        assert told.value("http_event_streams") == 2
    until(lambda: told.value("http_event_streams") == 0)
    until(lambda: requests(told, "GET", "/api/v1/jobs/{job_id}/events", 200) == 2)


def test_more_jobs_paths_and_methods_make_no_more_series(server: Served, told: Exporter) -> None:
    client = server.client("admin")

    def series() -> set[str]:
        return {str((name, labels)) for name, found in told.samples().items() for labels in found}

    def ask(number: int) -> str:
        job = client.post(JOBS, content="an-id", headers=TEXT).json()["job_id"]
        client.get(f"/api/v1/jobs/{job}")
        client.get(f"/nowhere/{number}")
        client.request(f"METHOD{number}", "/api/v1/jobs")
        return str(job)

    jobs = [ask(0)]
    until(lambda: requests(told, "other", "none", 405) == 1)
    before = series()
    jobs += [ask(number) for number in range(1, 4)]
    until(lambda: requests(told, "other", "none", 405) == 4)
    assert series() == before
    secret = (*jobs, *server.secrets.values(), ORG, "nowhere")
    assert not any(each in told.text() for each in secret)


def test_promtool_finds_no_fault_with_the_names(told: Exporter, server: Served) -> None:
    server.client(None).get("/healthz")
    done = promtool("check", "metrics", given=told.text())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_port_that_is_taken_is_named(server: Served, tmp_path: Path) -> None:
    keys = str(server.log.with_name("keys"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = cli("serve", "--port", "0", SERVE_KEYS_FILE=keys, SERVE_METRICS_PORT=port)
    assert done.code == 2
    assert f"cannot serve metrics at 127.0.0.1:{port} (Address already in use)" in done.err
    assert "BULK_ACTIVATE_SERVE_METRICS_PORT" in done.err
