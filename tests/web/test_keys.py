"""Keys, roles, organizations and hosts, on every path."""

import re
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from producers.web.keys import OneKey, Role, digest_of, new_key, parse_key
from producers.web.keys_file import KeysFile
from tests.e2e.stack import BULK_ACTIVATE, ORG, cli, environment
from tests.servers import RealServer
from tests.web.conftest import Submit
from tests.web.served import OTHER_ORG, TEXT, Served, code_of, served, started
from worker.core.errors import BadInputError, BadSettingError

JSON = {"Content-Type": "application/json"}


def test_a_key_lists_the_jobs_of_its_organizations_alone(server: Served, submit: Submit) -> None:
    here, there = submit()["job_id"], submit(org=OTHER_ORG)["job_id"]
    ids = {
        name: {job["job_id"] for job in server.client(name).get("/api/v1/jobs?limit=1000").json()["jobs"]}
        for name in ("admin", "here", "elsewhere")
    }
    assert ids["admin"] >= {here, there}
    assert here in ids["here"] - ids["elsewhere"]
    assert there in ids["elsewhere"] - ids["here"]


def test_the_name_of_the_key_is_recorded_with_what_it_does(server: Served) -> None:
    operator = server.client("operator")
    job = operator.post(f"/api/v1/jobs?org_id={ORG}", content="an-id\n", headers=TEXT).json()
    assert job["created_by"] == "operator"
    paused = server.client("here").post(f"/api/v1/jobs/{job['job_id']}/pause", json={"reason": "look first"})
    assert paused.json()["state_reason"] == {"code": "user", "message": "look first", "actor": "here"}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost:80:80"])
def test_a_host_that_was_not_configured_is_refused(server: Served, host: str) -> None:
    answer = server.client("admin").get("/api/v1/jobs", headers={"Host": host})
    assert answer.status_code == 400
    assert host != "evil.example" or code_of(answer) == (400, "bad_input")


def test_configured_hosts_are_taken_with_any_port(valkey: RealServer, tmp_path: Path) -> None:
    hosts = "Bulk.example.com, other.example.com"
    with served(valkey.server.url, tmp_path, "--host", "0.0.0.0", SERVE_HOSTS=hosts) as server:
        # It listens on loopback too.
        for host in ("bulk.example.com", "BULK.example.com:8443", "other.example.com", "localhost"):
            assert server.client("viewer").get("/api/v1/jobs", headers={"Host": host}).status_code == 200
        refused = server.client("viewer").get("/api/v1/jobs", headers={"Host": "third.example.com"})
        assert code_of(refused) == (400, "bad_input")


def test_a_header_of_any_length_is_refused_before_it_fills_the_memory(server: Served) -> None:
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except ConnectionError:
            pass
    assert server.client(None).get("/healthz").status_code == 200


def test_probes_need_no_key_and_name_any_host(server: Served) -> None:
    client = server.client(None)
    for path, status in (("/healthz", "alive"), ("/readyz", "ready")):
        answer = client.get(path, headers={"Host": "10.1.2.3:8080"})
        assert (answer.status_code, answer.json()) == (200, {"status": status})


def test_a_change_of_the_file_holds_at_the_next_request(valkey: RealServer, tmp_path: Path) -> None:
    with served(valkey.server.url, tmp_path) as server:
        path, admin = tmp_path / "keys", server.client("admin")
        lines = path.read_text()
        assert admin.get("/api/v1/jobs").status_code == 200
        path.write_text("\n".join(line for line in lines.splitlines() if not line.startswith("admin ")))
        assert code_of(admin.get("/api/v1/jobs")) == (401, "unauthenticated")
        assert server.client("viewer").get("/api/v1/jobs").status_code == 200
        path.write_text(f"broken line\n{lines}")
        assert admin.get("/api/v1/jobs").status_code == 200
        path.chmod(0o666)
        assert code_of(admin.get("/api/v1/jobs")) == (401, "unauthenticated")
        path.chmod(0o600)
        assert admin.get("/api/v1/jobs").status_code == 200
        path.unlink()
        assert code_of(admin.get("/api/v1/jobs")) == (401, "unauthenticated")
        why = [event.get("why", "") for event in server.events()]
        for part in ("line 1: expected NAME", "others may write it", "cannot read"):
            assert any(part in each for each in why), why
        assert not any(secret in server.log.read_text() for secret in server.secrets.values())


def test_without_a_file_it_listens_on_loopback_with_a_key_for_this_run(
    valkey: RealServer, tmp_path: Path
) -> None:
    refused = cli("serve", "--host", "0.0.0.0", REDIS_URL=valkey.server.url)
    assert refused.code == 2
    assert "SERVE_KEYS_FILE" in refused.err
    with started(subprocess.PIPE, REDIS_URL=valkey.server.url, LOG_FORMAT="json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line, url = process.stderr.readline(), process.stdout.readline().strip()
        found = re.search(rf"{re.escape(url)}/\?key=(\S+)", line)
        assert found is not None
        headers = {"Authorization": f"Bearer {found[1]}"}
        assert httpx.get(f"{url}/api/v1/jobs", headers=headers).status_code == 200
        process.terminate()
        out, err = process.communicate(timeout=10)
        # Both once.
        assert out == ""
        assert found[1] not in err


def test_key_prints_the_key_once_and_its_line_apart(tmp_path: Path) -> None:
    done = cli("key", "ci-pipeline", "--role", "operator", "--org", ORG, "--org", OTHER_ORG)
    assert done.code == 0
    secret, line = done.out.strip(), done.err.strip()
    assert secret not in line
    name, role, sha256, orgs = line.split()
    assert (name, role, orgs) == ("ci-pipeline", "operator", f"{ORG},{OTHER_ORG}")
    assert bytes.fromhex(sha256) == digest_of(secret.encode())
    path = tmp_path / "keys"
    path.write_text(line)
    found = KeysFile(path).find(secret.encode())
    assert found is not None
    assert (found.name, found.role, found.reaches(ORG.upper()), found.reaches("x" * 8)) == (
        "ci-pipeline",
        Role.OPERATOR,
        True,
        False,
    )
    assert KeysFile(path).find(b"") is None


@pytest.mark.parametrize(
    ("name", "org"), [("two words", None), ("", None), ("n" * 65, None), ("-n", None), ("fine", "no guid!")]
)
def test_a_key_that_cannot_stand_in_the_file_is_not_made(name: str, org: str | None) -> None:
    orgs = () if org is None else ("--org", org)
    assert cli("key", "--role", "admin", *orgs, "--", name).code == 2


@pytest.mark.parametrize(
    "line",
    [
        "name",
        "name admin",
        "name root " + 64 * "0",
        "name admin short",
        f"n admin {64 * '0'} org,",
        "a b c d e",
    ],
)
def test_a_line_that_is_no_key_is_refused_without_being_quoted(line: str) -> None:
    with pytest.raises(BadInputError) as found:
        parse_key(line)
    assert "short" not in str(found.value)


@pytest.mark.parametrize(
    "content", ["", "# nothing\n", "name admin\n", f"a admin {64 * '0'}\na admin {64 * '1'}\n"]
)
def test_a_file_that_cannot_be_used_stops_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys"
    path.write_text(content)
    with pytest.raises(BadSettingError, match="SERVE_KEYS_FILE"):
        KeysFile(path)
    done = cli("serve", "--port", "0", SERVE_KEYS_FILE=str(path))
    assert (done.code, "SERVE_KEYS_FILE" in done.err) == (2, True)


def test_one_key_is_found_by_its_text_alone() -> None:
    made = new_key("me", Role.VIEWER, ())
    one = OneKey(parse_key(made.line))
    assert one.find(made.secret.encode()) == parse_key(made.line)
    assert one.find(made.secret.encode() + b"x") is None


def test_serve_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    # A module in its place that fails as a missing one does.
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError(name='uvicorn')\n")
    done = subprocess.run(
        [BULK_ACTIVATE, "serve", "--port", "0"],
        env=environment({}) | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "bulk-activation-worker[serve]" in done.stderr) == (2, True)
