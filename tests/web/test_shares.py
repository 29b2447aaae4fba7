"""What one key, and one full disk, leave to others."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import httpx
import psutil
import pytest

from producers import Client
from tests.e2e.stack import ORG, new_ids, until
from tests.servers import RealServer
from tests.web.served import TEXT, Served, code_of, served

JOBS = f"/api/v1/jobs?org_id={ORG}"
OF_KEY = 5
"""A quarter of the connections, and of the uploads."""
LIMITS = {"connections": 4 * OF_KEY, "uploads": 8}


@pytest.fixture(scope="module")
def small(valkey: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that has little to share."""
    with served(valkey.server.url, tmp_path_factory.mktemp("small"), limits=LIMITS) as found:
        yield found
        assert "Traceback" not in found.log.read_text()


def signed_in(server: Served, key: str) -> httpx.Client:
    """A client with a session of the page."""
    page = server.client(None)
    page.headers["Origin"] = server.url
    assert page.post("/sign-in", data={"key": server.secrets[key]}).status_code == 303
    return page


def begun(server: Served, count: int, key: str) -> ExitStack:
    """So many uploads that have begun, and go on."""
    uploads = ExitStack()
    held = len(server.spooled())
    for _ in range(count):
        fields = ("Content-Type: text/plain", "Content-Length: 1000000")
        uploads.enter_context(closing(server.ask("POST", "/api/v1/plans", *fields, key=key)))
    until(lambda: len(server.spooled()) == held + count)
    return uploads


@contextmanager
def full_disk(server: Served) -> Iterator[None]:
    """A limit of the system on the size of files, which is met as a full disk is."""
    process = psutil.Process(server.process.pid)
    soft, hard = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (256 * 1024, hard))
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, (soft, hard))


def test_a_key_leaves_connections_to_others(small: Served) -> None:
    job = small.client("operator").post(JOBS, content="an-id\n", headers=TEXT).json()["job_id"]
    path, viewer = f"/api/v1/jobs/{job}", small.client("viewer")
    page = signed_in(small, "viewer")
    streams = [small.ask("GET", f"{path}/events", key="viewer") for _ in range(OF_KEY)]
    for stream in streams:
        assert stream.recv(1) == b"H"
    for same in (viewer, page):
        refused = same.get(path)
        assert code_of(refused) == (429, "too_many_requests")
        assert refused.headers["retry-after"] == "5"
    shown = page.get("/", headers={"Accept": "text/html"})
    assert (shown.status_code, "Close other windows" in shown.text) == (429, True)
    assert small.client("admin").get(path).status_code == 200
    streams.pop().close()
    until(lambda: viewer.get(path).status_code == 200)
    for stream in streams:
        stream.close()


def test_a_key_leaves_uploads_to_others(small: Served) -> None:
    with begun(small, 2, "operator"):
        refused = small.client("operator").post(JOBS, content="an-id\n", headers=TEXT)
        assert code_of(refused) == (429, "too_many_requests")
        assert small.client("here").post(JOBS, content="an-id\n", headers=TEXT).status_code == 201
    until(lambda: not small.spooled())


def test_more_uploads_than_the_disk_is_meant_for_are_refused(small: Served) -> None:
    with ExitStack() as uploads:
        for key in ("operator", "admin", "here", "elsewhere"):
            uploads.enter_context(begun(small, 2, key))
        refused = small.client("admin").post("/api/v1/plans", content="an-id\n", headers=TEXT)
        assert code_of(refused) == (503, "busy")
        assert refused.headers["retry-after"] == "5"
    until(lambda: not small.spooled())


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="only Linux limits another process")
def test_a_full_disk_is_told_and_nothing_is_left_on_it(small: Served, client: Client) -> None:
    jobs, text = len(list(client.jobs())), "\n".join(new_ids(20_000))
    admin, page = small.client("admin"), signed_in(small, "admin")

    def check() -> httpx.Response:
        form, html = {"organization": ORG}, {"Accept": "text/html"}
        return page.post("/new", data=form, files={"list": ("ids.txt", text)}, headers=html)

    with full_disk(small):
        for path in (JOBS, "/api/v1/plans"):
            refused = admin.post(path, content=text, headers=TEXT)
            assert code_of(refused) == (507, "insufficient_storage")
            for part in ("File too large", "keeps nothing of it", "TMPDIR"):
                assert part in refused.json()["detail"]
        shown = check()
        assert (shown.status_code, "no room for the list" in shown.text) == (507, True)
        assert not small.spooled()
    assert len(list(client.jobs())) == jobs
    assert admin.post(JOBS, content=text, headers=TEXT).status_code == 201
    assert check().status_code == 303


def test_a_download_ends_with_its_key(small: Served, client: Client) -> None:
    path = f"/api/v1/jobs/{client.submit(new_ids(50_000), org_id=ORG).id}/results"
    keys = small.log.with_name("keys")
    lines = keys.read_text()
    # Twice as much as the system takes before the client reads it.
    fields = ("Accept: application/x-ndjson", "Connection: close")
    with small.ask("GET", path, *fields, key="here") as download:
        assert download.recv(1) == b"H"
        keys.write_text("\n".join(line for line in lines.splitlines() if not line.startswith("here ")))
        # Cut, not ended.
        assert not download.makefile("rb").read().endswith(b"\r\n0\r\n\r\n")
    assert code_of(small.client("here").get(path)) == (401, "unauthenticated")
    keys.write_text(lines)
