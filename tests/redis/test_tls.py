"""`rediss://` is always verified, for the store and for the broker; a Redis Cluster is refused."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from kombu.exceptions import OperationalError

from tests.e2e.stack import ORG, Done, Simulator, Stack, agree, new_ids, simulator, until
from tests.redis.guarded import PASSWORD, Certificates, Process, certificates, redis_server
from tests.servers import free_port
from worker.queue.messages import make_app
from worker.settings import load

HOST = "localhost"
MAKE = Path(__file__).parents[2] / "deploy" / "redis" / "make.sh"


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("tls"), HOST)


@pytest.fixture(scope="module")
def real(signed: Certificates) -> Iterator[Process]:
    lines = [
        *(f"tls-cert-file {signed.certificate}", f"tls-key-file {signed.key}"),
        *(f"tls-ca-cert-file {signed.authority}", "tls-auth-clients no", "appendonly yes"),
    ]
    with redis_server(*lines, password=PASSWORD) as started:
        yield started


def url(real: Process, host: str, options: str) -> str:
    return f"rediss://:{quote(PASSWORD, safe='')}@{host}:{real.port}/1{options}"


def test_a_job_over_tls(tmp_path: Path, signed: Certificates, real: Process) -> None:
    trusted = url(real, HOST, f"?ssl_ca_certs={signed.authority}")
    with simulator() as api, Stack(tmp_path, trusted) as stack:
        job_id = _finished(stack, api)
        assert agree(stack.rows(job_id), api.world())
        assert PASSWORD not in stack.log.read_text()


def _finished(stack: Stack, api: Simulator) -> str:
    stack.worker(api)
    job_id = stack.submit(new_ids(40))
    until(lambda: stack.report(job_id)["state"] == "completed")
    return job_id


@pytest.mark.parametrize(
    ("host", "trusted", "words"),
    [(HOST, False, "cannot be trusted (self-signed"), ("127.0.0.1", True, "cannot be trusted (IP address")],
    ids=["unknown authority", "other host"],
)
@pytest.mark.parametrize("command", ["submit", "worker"])
def test_who_cannot_be_trusted_is_refused(
    tmp_path: Path, signed: Certificates, real: Process, command: str, host: str, trusted: bool, words: str
) -> None:
    options = f"?ssl_ca_certs={signed.authority}" if trusted else ""
    stack = Stack(tmp_path, url(real, host, options))
    rest = ("-", "--org", ORG) if command == "submit" else ()
    done = stack.cli(command, *rest, given="some-id", API_TOKEN="not-needed")
    assert done.code == 7
    assert words in done.err
    assert "ssl_ca_certs=FILE" in done.err
    assert quote(PASSWORD, safe="") not in done.err


def test_the_broker_is_verified_by_itself(signed: Certificates, real: Process) -> None:
    trusted = url(real, HOST, f"?ssl_ca_certs={signed.authority}")
    for address, words in (
        (trusted, None),
        (url(real, HOST, ""), "self-signed"),
        (url(real, "127.0.0.1", f"?ssl_ca_certs={signed.authority}"), "IP address"),
    ):
        with make_app(load(redis_url=address)) as app, app.connection_for_write() as connection:
            if words is None:
                connection.ensure_connection(max_retries=1)
            else:
                with pytest.raises(OperationalError, match=words):
                    connection.ensure_connection(max_retries=1)


def test_what_make_sh_makes_lets_in_by_tls_and_password_alone(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    command = ["/bin/sh", str(MAKE), str(folder), HOST, str(folder / "redis_ca.pem")]
    # Where the server finds its files: at the end they are where they were made.
    subprocess.run(command, env=os.environ | {"SERVER": str(folder)}, check=True, capture_output=True)
    assert [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077] == []
    again = subprocess.run(command, capture_output=True, check=False)
    assert again.returncode == 2
    conf = (folder / "redis.conf").read_text().splitlines()
    assert [line for line in conf if "port " in line] == ["port 0", "tls-port 6379"]
    lines = [line for line in conf if "port " not in line]
    password = (folder / "redis_admin_password").read_text().strip()
    with redis_server(*lines, user="bulk-admin", password=password) as real:
        given = (folder / "submitter_redis_url").read_text().strip()
        secure = given.replace(":6379", f":{real.port}")
        user, _, rest = secure.removeprefix("rediss://").partition(":")
        wrong = f"rediss://{user}:wrong@{rest.partition('@')[2]}"
        plain = secure.replace("rediss://", "redis://").partition("?")[0]
        done = {url: submit(tmp_path, url) for url in (secure, wrong, plain)}
    assert [each.code for each in done.values()] == [0, 7, 7]
    assert "refused the user or password" in done[wrong].err
    assert "cannot reach Redis" in done[plain].err


def submit(home: Path, url: str) -> Done:
    return Stack(home, url).cli("submit", "-", "--org", ORG, given="some-id")


@pytest.mark.parametrize("command", [("submit", "-", "--org", ORG), ("worker",), ("doctor",)])
def test_a_cluster_is_refused(tmp_path: Path, command: tuple[str, ...]) -> None:
    with redis_server("cluster-enabled yes", f"cluster-port {free_port()}") as real:
        stack = Stack(tmp_path, f"redis://127.0.0.1:{real.port}/0")
        done = stack.cli(*command, given="some-id", API_TOKEN="not-needed", API_URL="http://127.0.0.1:1")
    assert done.code == 7
    assert "is a Redis Cluster, which Celery's transport cannot use" in done.err + done.out


@pytest.mark.parametrize("options", ["?ssl_cert_reqs=none", "?ssl_check_hostname=false"])
def test_no_option_turns_a_check_off(tmp_path: Path, options: str) -> None:
    done = Stack(tmp_path, f"rediss://{HOST}/0{options}").cli("list")
    assert done.code == 2
    assert "BULK_ACTIVATE_REDIS_URL: must have no option" in done.err
