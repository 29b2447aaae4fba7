"""A proxy that refuses connections is named in messages, without its password."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.api.authority import Authority
from tests.e2e.stack import ORG, TOKEN, Simulator, Stack, cli, new_ids, simulator, until
from tests.servers import free_port, missing
from tests.serving import serving
from worker.simulator.config import Config
from worker.simulator.server import make_app

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
    first = json.loads(log.splitlines()[0])
    assert (first["event"], first["way"]) == ("calling the API", f"the proxy {named}")
    for shown in (log, examined.out + examined.err, str(report)):
        assert PASSWORD not in shown


@contextmanager
def tinyproxy(home: Path, connects_to: int) -> Iterator[str]:
    """HOST:PORT of Debian's tinyproxy, which asks for a login and makes tunnels to that port alone."""
    program = shutil.which("tinyproxy") or missing("tinyproxy")
    port = free_port()
    config = home / "tinyproxy.conf"
    config.write_text(
        f"Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\n"
        f'LogFile "{home}/tinyproxy.log"\nLogLevel Connect\n'
        f"BasicAuth me {PASSWORD}\nConnectPort {connects_to}\n"
    )
    process = subprocess.Popen([program, "-d", "-c", config], stdout=subprocess.DEVNULL)
    try:
        until(lambda: process.poll() is not None or listens(port))
        assert process.poll() is None
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def test_a_job_is_done_through_a_proxy_with_a_login_to_an_api_of_a_private_authority(
    stack: Stack, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority", "A made-up authority")
    with serving(make_app(Config(), TOKEN), authority.serves()) as url:
        port = urlsplit(url).port
        assert port is not None
        with tinyproxy(tmp_path, port) as address:
            proxy = f"http://me:{PASSWORD}@{address}"
            stack.worker(Simulator(url), PROXY_URL=proxy, CA_FILE=str(authority.file))
            job_id = stack.submit(new_ids(60))
            until(lambda: stack.report(job_id)["state"] == "completed")
    assert stack.report(job_id)["counts"]["activated"] == 60
    tunnels = (tmp_path / "tinyproxy.log").read_text()
    assert f"CONNECT 127.0.0.1:{port} HTTP/1.1" in tunnels
    assert PASSWORD not in stack.log.read_text()


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
