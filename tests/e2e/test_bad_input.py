"""Bad input: one clear line on stderr, the right exit code, no traceback, nothing half made."""

from pathlib import Path

import pytest

from tests.e2e.stack import ORG, Done, Stack, cli, new_ids
from tests.servers import valkey9


def one_line(done: Done, code: int, *words: str) -> None:
    """The last line is the error; before it there are warnings at most."""
    *before, last = done.err.strip().splitlines()
    assert done.code == code, done.err
    assert last.startswith("Error: ")
    assert all(line.startswith("Warning: ") for line in before)
    for word in words:
        assert word in last
    assert done.out == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"RATTE": "5"}, ["BULK_ACTIVATE_RATTE", "unknown"]),
        ({"RATE": "fast"}, ["BULK_ACTIVATE_RATE", "auto"]),
        ({"RATE": "-1"}, ["BULK_ACTIVATE_RATE"]),
        ({"CONCURRENCY": "0"}, ["BULK_ACTIVATE_CONCURRENCY"]),
        ({"REQUEST_TIMEOUT": "soon"}, ["BULK_ACTIVATE_REQUEST_TIMEOUT"]),
        ({"REDIS_URL": "http://localhost"}, ["BULK_ACTIVATE_REDIS_URL", "redis://"]),
        ({"API_URL": "http://example.com"}, ["BULK_ACTIVATE_API_URL", "https"]),
        ({"API_URL": "https://example.com/csp"}, ["BULK_ACTIVATE_API_URL"]),
        ({"ALREADY_ACTIVE": "(oops"}, ["BULK_ACTIVATE_ALREADY_ACTIVE"]),
        ({"SECRETS_DIR": "/nowhere"}, ["BULK_ACTIVATE_SECRETS_DIR"]),
        ({"ORG_ID": "../etc"}, ["BULK_ACTIVATE_ORG_ID"]),
    ],
)
def test_a_bad_setting_is_named(settings: dict[str, str], words: list[str]) -> None:
    one_line(cli("list", **settings), 2, *words)


def test_a_bad_secret_is_never_shown() -> None:
    done = cli("list", API_TOKEN="hunter2-hunter2", RATE="hunter2-hunter2")
    assert "hunter2" not in done.err


def test_redis_that_is_not_there() -> None:
    one_line(cli("list", REDIS_URL="redis://user:secret@127.0.0.1:1/0"), 7, "127.0.0.1:1", "REDIS_URL")
    assert "secret" not in cli("list", REDIS_URL="redis://user:secret@127.0.0.1:1/0").err


@pytest.mark.parametrize(
    "command", ["status", "results", "verify", "pause", "resume", "cancel", "retry", "purge"]
)
@pytest.mark.parametrize("job_id", ["nowhere", "a}b{", "*"])
def test_no_such_job(stack: Stack, command: str, job_id: str) -> None:
    one_line(stack.cli(command, job_id), 5, "no job")


def test_a_worker_without_a_credential(stack: Stack) -> None:
    one_line(stack.cli("worker"), 2, "BULK_ACTIVATE_API_TOKEN")


def test_a_run_without_a_credential(tmp_path: Path) -> None:
    done = cli("run", "-", "--org", ORG, given="some-id", STATE_DIR=str(tmp_path / "state"))
    one_line(done, 2, "BULK_ACTIVATE_API_TOKEN")
    assert not (tmp_path / "state").exists()


def test_no_organization(stack: Stack) -> None:
    one_line(stack.cli("submit", "-", given="some-id"), 2, "--org", "BULK_ACTIVATE_ORG_ID")


@pytest.mark.parametrize("org_id", ["x", "../../etc/passwd", "a b", "org?x=1", ""])
def test_an_organization_that_is_no_guid(stack: Stack, org_id: str) -> None:
    one_line(stack.cli("submit", "-", "--org", org_id, given="some-id"), 2, "org")


def test_a_file_that_is_not_there(stack: Stack) -> None:
    one_line(stack.cli("submit", "missing.txt", "--org", ORG), 2, "missing.txt")


def test_a_broken_gzip_makes_no_job(stack: Stack) -> None:
    path = stack.home / "ids.txt.gz"
    path.write_bytes(b"\x1f\x8b garbage")
    one_line(stack.cli("submit", str(path), "--org", ORG), 2, "gzip")
    assert stack.cli("list", "-o", "json").json() == []


def test_a_strict_list_with_a_malformed_line_makes_no_job(stack: Stack) -> None:
    lines = [*new_ids(7000), "not an id"]
    one_line(stack.cli("submit", "-", "--org", ORG, "--strict", given="\n".join(lines)), 2, "7001")
    assert stack.cli("list", "-o", "json").json() == []


def test_a_list_of_token_values_is_stopped_before_it_is_stored(stack: Stack) -> None:
    secrets = ["Zz9_" * 16 for _ in range(3)]
    done = stack.cli("submit", "-", "--org", ORG, given="\n".join(secrets))
    one_line(done, 2, "--allow-token-like-ids")
    assert secrets[0] not in done.err
    assert stack.cli("list", "-o", "json").json() == []


def test_a_plan_that_does_not_fit_the_list(stack: Stack) -> None:
    done = stack.cli("submit", "-", "--org", ORG, "--plan", "0" * 64, given="some-id")
    one_line(done, 2, "--plan", "sha256")


@pytest.mark.parametrize("option", [["--label", "x"], ["--deadline", "soon"]])
def test_an_option_that_cannot_be_read(stack: Stack, option: list[str]) -> None:
    one_line(stack.cli("submit", "-", "--org", ORG, *option, given="some-id"), 2, option[0])


def test_an_outcome_that_is_none(stack: Stack) -> None:
    one_line(stack.cli("results", "nowhere", "--outcome", "failed,lost"), 2, "'lost'", "unknown")


def test_a_redis_that_may_drop_jobs_is_warned_about(tmp_path: Path) -> None:
    with valkey9(maxmemory_policy="allkeys-lru") as real:
        done = cli("submit", "-", "--org", ORG, given="some-id", REDIS_URL=real.server.url)
    assert done.code == 0
    assert "allkeys-lru" in done.err


def test_a_full_redis_is_said_and_nothing_is_half_made() -> None:
    with valkey9(maxmemory="1mb") as real:
        ids = "\n".join(new_ids(100_000))
        done = cli("submit", "-", "--org", ORG, given=ids, REDIS_URL=real.server.url)
        one_line(done, 7, "full")
        assert cli("list", "-o", "json", REDIS_URL=real.server.url).json() == []


def test_bad_usage_is_exit_2() -> None:
    assert cli("frobnicate").code == 2
    assert cli("status").code == 2
