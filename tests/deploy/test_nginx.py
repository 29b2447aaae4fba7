"""The nginx of `deploy/nginx` before a real `serve`: TLS, and nothing held back, spooled or believed."""

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.proxied import NAME, Proxy, proxied
from tests.e2e.stack import ORG, new_ids, until
from tests.redis.guarded import Certificates, certificates
from tests.servers import RealServer
from tests.web.served import TEXT, Served, code_of, served

JOBS = f"/api/v1/jobs?org_id={ORG}"
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def server(valkey: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("serve")
    with served(valkey.server.url, home, SERVE_HOSTS=NAME, SERVE_MAX_UPLOAD="1MiB") as found:
        yield found


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("tls"), NAME)


@pytest.fixture(scope="module")
def proxy(server: Served, signed: Certificates) -> Iterator[Proxy]:
    with proxied(server.url, signed) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Served, proxy: Proxy, signed: Certificates) -> Iterator[httpx.Client]:
    """Calls the proxy by its name, which no name server knows."""
    headers = {"Host": NAME, "Authorization": f"Bearer {server.secrets['admin']}"}
    url, context = f"https://127.0.0.1:{proxy.secure}", ssl.create_default_context(cafile=signed.authority)
    with httpx.Client(base_url=url, headers=headers, verify=context, timeout=60) as made:
        made.event_hooks["request"] = [lambda request: request.extensions.update(sni_hostname=NAME)]
        until(lambda: _answers(made))
        yield made


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.ConnectError:
        return False


@pytest.fixture(scope="module")
def job(client: httpx.Client) -> str:
    """A job that no worker takes."""
    answer = client.post(JOBS, content="\n".join(new_ids(20)), headers=TEXT)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["job_id"])


def test_it_speaks_tls_alone(client: httpx.Client, proxy: Proxy, signed: Certificates) -> None:
    http = f"http://127.0.0.1:{proxy.plain}"
    page = httpx.get(f"{http}/jobs/one?id=two", headers={"Host": NAME})
    assert (page.status_code, page.headers["location"]) == (301, f"https://{NAME}/jobs/one?id=two")
    assert httpx.get(f"{http}/api/v1/jobs", headers={"Host": NAME}).status_code == 403
    assert client.get("/healthz").headers["strict-transport-security"] == "max-age=31536000"
    http2 = ssl.create_default_context(cafile=signed.authority)
    http2.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", proxy.secure)) as plain,
        http2.wrap_socket(plain, server_hostname=NAME) as spoken,
    ):
        assert spoken.selected_alpn_protocol() == "h2"


def test_events_arrive_as_they_happen(client: httpx.Client, server: Served, job: str) -> None:
    path = f"/api/v1/jobs/{job}"
    with client.stream("GET", f"{path}/events") as stream:
        lines = stream.iter_lines()
        for change, state in ((None, "queued"), ("pause", "paused"), ("resume", "queued")):
            if change is not None:
                server.client("operator").post(f"{path}/{change}")
            # Held back, it would not come before the end of the stream. Another of the state before may come
            # first, for what else has changed.
            assert any(report["state"] == state for report in _reports(lines))


def _reports(lines: Iterator[str]) -> Iterator[Any]:
    return (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))


def test_a_long_poll_answers_at_the_change(client: httpx.Client, server: Served, job: str) -> None:
    path = f"/api/v1/jobs/{job}"
    tag = client.get(path).headers["etag"]
    assert client.get(path, params={"wait": 0.1}, headers={"If-None-Match": tag}).status_code == 304
    server.client("admin").patch(path, json={"weight": 2})
    server.client("operator").post(f"{path}/pause")
    changed = client.get(path, params={"wait": 60}, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["state"]) == (200, "paused")


def test_a_list_goes_on_as_it_comes(client: httpx.Client, server: Served, proxy: Proxy) -> None:
    half = "".join(f"{token_id}\n" for token_id in new_ids(20_000)).encode()

    def in_halves() -> Iterator[bytes]:
        yield half
        # Before the other half is sent, `serve` has a file without a name for the list.
        until(lambda: bool(nameless(server.process.pid)))
        assert proxy.spooled() == []
        yield b"an-id\n"

    answer = client.post("/api/v1/plans", content=in_halves(), headers=TEXT)
    assert (answer.status_code, answer.json()["manifest"]["unique"]) == (200, 20_001)


def nameless(pid: int) -> list[str]:
    """The unlinked files that a process has open."""
    links = (str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir())
    return [target for target in links if target.endswith("(deleted)")]


def test_a_refusal_arrives_before_the_list_has_gone_out(client: httpx.Client) -> None:
    """Where the connection was closed with a part of the list unread, nginx would say 502."""
    for _ in range(5):
        too_large = client.post(JOBS, content=b"a" * (MEGABYTE + 1), headers=TEXT)
        assert code_of(too_large) == (413, "too_large")
        wrong = TEXT | {"Authorization": "Bearer bulk_wrong"}
        refused = client.post(JOBS, content=b"a" * MEGABYTE, headers=wrong)
        assert code_of(refused) == (401, "unauthenticated")
    assert client.post(JOBS, content=b"a" * (2 * MEGABYTE + 1), headers=TEXT).status_code == 413


def test_a_host_that_serve_does_not_know_is_refused_behind_it_too(client: httpx.Client) -> None:
    assert code_of(client.get("/api/v1/jobs", headers={"Host": "evil.example"})) == (400, "bad_input")
    assert client.get("/api/v1/jobs", headers={"Host": f"{NAME}:8443"}).status_code == 200


def test_the_cookie_of_the_page_is_for_tls_alone_whatever_the_client_says(
    client: httpx.Client, server: Served
) -> None:
    form = {"key": server.secrets["viewer"]}
    for said in ({}, {"X-Forwarded-Proto": "http"}):
        headers = {"Origin": f"https://{NAME}", "Authorization": "", **said}
        answer = client.post("/sign-in", data=form, headers=headers)
        assert answer.status_code == 303
        assert answer.headers["set-cookie"].startswith("__Host-bulk_activate=")
        assert answer.headers["set-cookie"].endswith("; Secure")
    elsewhere = client.post("/sign-in", data=form, headers={"Origin": f"http://{NAME}"})
    assert elsewhere.status_code == 403


def test_results_lie_in_no_file_and_no_id_in_the_log(client: httpx.Client, proxy: Proxy, job: str) -> None:
    rows = client.get(f"/api/v1/jobs/{job}/results").text.splitlines()
    first = rows[1].split(",")[1]
    assert client.get(f"/api/v1/jobs/{job}/results", params={"id": first}).text.count(first) == 1
    assert proxy.spooled() == []
    until(lambda: f'"GET /api/v1/jobs/{job}/results" 200' in proxy.access_log())
    assert first not in proxy.access_log()
