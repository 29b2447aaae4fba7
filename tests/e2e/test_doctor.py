"""`doctor` checks everything that a job needs, and activates nothing."""

from typing import Any

import pytest

from tests.e2e.stack import ORG, TOKEN, Simulator, Stack, cli, simulator, until
from tests.redis.distance import far_away
from worker.store.connect import sync_client
from worker.store.jobs import JobStore

OTHER_ORG = "00000000-7a1b-4c5d-9e8f-0a1b2c3d4e5f"


def found(report: dict[str, Any]) -> dict[str, str]:
    """The worst status of each thing looked at."""
    order = ["ok", "skipped", "warning", "failed", "unreachable"]
    worst: dict[str, str] = {}
    for check in report["checks"]:
        name = check["name"]
        worst[name] = max(worst.get(name, "ok"), check["status"], key=order.index)
    return worst


@pytest.fixture(scope="module")
def owned() -> Any:
    """An API with one organization, so that access tokens name it."""
    with simulator("--org", ORG) as running:
        yield running


def examine(stack: Stack, api: Simulator, *options: str, **settings: str) -> tuple[int, dict[str, str]]:
    done = stack.cli("doctor", "-o", "json", *options, API_URL=api.url, **settings)
    assert TOKEN not in done.out + done.err
    return done.code, found(done.json())


def test_all_is_well(stack: Stack, owned: Simulator) -> None:
    stack.worker(owned)
    with sync_client(stack.redis_url) as client:
        until(lambda: JobStore(client).live_workers(60_000) > 0)
    code, checks = examine(stack, owned, "--org", ORG, API_TOKEN=TOKEN)
    assert code == 0
    assert checks == dict.fromkeys(["redis", "workers", "api", "credential", "organization"], "ok")
    assert owned.stats()["requests"] == 0


@pytest.mark.parametrize(
    ("options", "settings", "code", "checks"),
    [
        ([], {}, 0, {"workers": "warning", "credential": "skipped"}),
        (["--org", ORG], {"API_TOKEN": "wrong"}, 1, {"credential": "failed"}),
        (["--org", OTHER_ORG], {"API_TOKEN": TOKEN}, 1, {"credential": "ok", "organization": "failed"}),
        ([], {"API_TOKEN": TOKEN}, 0, {"organization": "ok"}),
        (["--org", ORG], {"ACCESS_TOKEN": "opaque"}, 0, {"credential": "ok", "organization": "skipped"}),
        ([], {"CREDENTIALS_DIR": "/nowhere"}, 0, {"credential": "skipped"}),
        ([], {"CREDENTIALS_DIR": "/nowhere", "API_TOKEN": TOKEN}, 0, {"credential": "ok"}),
    ],
    ids=["no credential", "refused", "another's", "any organization", "access token", "files", "files too"],
)
def test_each_thing_stands_for_itself(
    stack: Stack,
    owned: Simulator,
    options: list[str],
    settings: dict[str, str],
    code: int,
    checks: dict[str, str],
) -> None:
    got, all_checks = examine(stack, owned, *options, **settings)
    assert got == code
    assert checks.items() <= all_checks.items()
    assert {"redis": "ok", "api": "ok"}.items() <= all_checks.items()


def test_a_credential_of_no_owner_is_reported(stack: Stack) -> None:
    with simulator("--perm", "csp:org_member") as api:
        code, checks = examine(stack, api, API_TOKEN=TOKEN)
    assert (code, checks["organization"]) == (1, "failed")


def test_an_unreachable_server_is_exit_7(stack: Stack, owned: Simulator) -> None:
    gone = Simulator("http://127.0.0.1:1")
    code, checks = examine(stack, gone, API_TOKEN=TOKEN)
    assert code == 7
    assert (checks["redis"], checks["api"], checks["credential"]) == ("ok", "unreachable", "skipped")
    done = cli("doctor", REDIS_URL="redis://user:hunter2@127.0.0.1:1/0", API_URL=owned.url)
    assert done.code == 7
    assert "hunter2" not in done.out + done.err
    assert "UNREACHABLE" in done.out
    assert cli("doctor", RATE="fast").code == 2
    assert "--org" in cli("doctor", "--org", "x").err


@pytest.mark.parametrize(("round_trip", "status"), [(0.0, "ok"), (0.12, "warning")])
def test_how_far_redis_is_away_is_told(
    stack: Stack, owned: Simulator, round_trip: float, status: str
) -> None:
    with far_away(stack.redis_url, round_trip) as url:
        done = cli("doctor", "-o", "json", API_URL=owned.url, REDIS_URL=url)
    checks = [check for check in done.json()["checks"] if " ms away" in check["message"]]
    took = [float(check["message"].split(" ms away")[0].split()[-1]) for check in checks]
    assert [check["name"] for check in checks] == ["redis"] * len(checks)
    assert checks[-1]["status"] == status
    assert min(took) >= 1000 * round_trip
