"""A proxy that refuses connections is named in messages, without its password."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import ORG, TOKEN, Stack, cli, new_ids, simulator, until

PASSWORD = "hunter2-of-the-proxy"


@pytest.fixture
def away() -> Iterator[str]:
    """HOST:PORT where nobody listens, and nobody else can."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_a_proxy_that_is_away_is_named_by_worker_status_and_doctor(stack: Stack, away: str) -> None:
    proxy = f"http://me:{PASSWORD}@{away}"
    with simulator() as api:
        stack.worker(api, PROXY_URL=proxy)
        job_id = stack.submit(new_ids(30))
        until(lambda: stack.report(job_id)["state_reason"]["code"] == "api_unavailable")
        report = stack.report(job_id)
        examined = stack.cli("doctor", API_URL=api.url, API_TOKEN=TOKEN, PROXY_URL=proxy)
        assert api.stats()["requests"] == 0
    named = f"http://{away} (BULK_ACTIVATE_PROXY_URL)"
    assert f"the proxy {named} cannot be reached" in report["state_reason"]["message"]
    assert report["requests"]["sent"] == 0
    assert report["counts"]["pending"] == 30
    assert examined.code == 7
    assert f"through the proxy {named}" in examined.out
    log = stack.log.read_text()
    first = next(line for line in log.splitlines() if "calling the API" in line)
    assert named in first
    for shown in (log, examined.out + examined.err, str(report)):
        assert PASSWORD not in shown


@pytest.mark.parametrize("command", ["worker", "doctor"])
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BULK_ACTIVATE_PROXY_URL", f"socks5://me:{PASSWORD}@proxy.test"),
        ("BULK_ACTIVATE_PROXY_URL", f"http://me:{PASSWORD}@proxy.test:0"),
        ("HTTPS_PROXY", f"socks5h://me:{PASSWORD}@proxy.test"),
        ("ALL_PROXY", f"socks5://me:{PASSWORD}@proxy.test"),
        ("BULK_ACTIVATE_CA_FILE", "/nowhere/ca.pem"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
    ],
)
def test_a_way_that_cannot_be_is_bad_usage(
    monkeypatch: pytest.MonkeyPatch, command: str, variable: str, value: str
) -> None:
    own = {"API_URL": "https://console.test", "API_TOKEN": TOKEN, "ORG_ID": ORG}
    if variable.startswith("BULK_ACTIVATE_"):
        own[variable.removeprefix("BULK_ACTIVATE_")] = value
    else:
        monkeypatch.setenv(variable, value)
    done = cli(command, **own)
    assert done.code == 2
    assert done.err.startswith(f"Error: {variable}: ")
    assert done.err.count("\n") == 1
    assert PASSWORD not in done.err
    if "PROXY" in variable:
        assert " must " in done.err
        assert "'none'" in done.err
    assert ("only HTTP proxies" in done.err) == value.startswith("socks")


def test_only_the_lower_case_of_http_proxy_leads_there(
    monkeypatch: pytest.MonkeyPatch, stack: Stack, away: str
) -> None:
    """A CGI server sets `HTTP_PROXY` from a request's header: whoever sends one would get the credential."""
    with simulator() as api:
        for variable, way in (("HTTP_PROXY", "no proxy"), ("http_proxy", f"the proxy http://{away}")):
            monkeypatch.setenv(variable, f"http://{away}")
            done = stack.cli("doctor", API_URL=api.url, API_TOKEN=TOKEN)
            assert way in done.out
        assert done.code == 7


def test_a_demo_needs_no_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, away: str) -> None:
    monkeypatch.setenv("http_proxy", f"http://{away}")
    done = cli("demo", "--ids", "30", STATE_DIR=str(tmp_path))
    assert done.code in {0, 3}, done.err
