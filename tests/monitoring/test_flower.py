"""What Flower shows of running and finished jobs, by its HTTP API; and that it controls nothing."""

import runpy
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import psutil
import pytest
from celery import Celery
from click.testing import CliRunner

from tests.e2e.stack import ORG, TOKEN, Simulator, Stack, environment, new_ids, until
from tests.monitoring.flowers import COMMAND, CONFIG, Flower, flower
from worker.monitoring.flower import JOB, drop_service_link
from worker.queue import refused_options
from worker.queue.messages import TASK

SLOW = 30.0
"""Requests per second at which a slice takes long enough to be seen on its way."""


@pytest.fixture(scope="module")
def shown(stack: Stack, api: Simulator) -> Iterator[Flower]:
    """A Flower that knows of the one worker, so that it misses no event of it."""
    with flower(stack.redis_url, stack.home / "flower.log") as running:
        stack.worker(api, rate=SLOW)
        until(lambda: len(running.workers()) == 1)
        yield running


def test_a_job_and_its_slices_are_rows_that_move_and_end_and_hold_no_id(
    shown: Flower, stack: Stack, api: Simulator
) -> None:
    ids = new_ids(3000)
    job = stack.submit(ids)

    def slices() -> dict[str, dict[str, object]]:
        return shown.tasks(search=f"kwargs:job_id={job}", taskname=TASK)

    def row() -> dict[str, object]:
        return shown.tasks(taskname=JOB)[job]

    until(lambda: job in shown.tasks(taskname=JOB) and row()["state"] == "PROGRESS")
    until(lambda: any(found["state"] == "PROGRESS" for found in slices().values()))
    moving = next(found for found in slices().values() if found["state"] == "PROGRESS")
    assert " of 2,880 ids settled, " in str(moving["result"])
    assert {str(found["kwargs"]) for found in slices().values()} == {
        str({"slice_no": number, "job_id": job, "size": size}) for number, size in ((0, 2880), (1, 120))
    }
    assert stack.cli("set-rate", ORG, "2000", API_URL=api.url).code == 0
    until(lambda: row()["state"] == "SUCCESS")
    until(lambda: all(found["state"] == "SUCCESS" for found in slices().values()))
    counts = stack.report(job)["counts"]
    assert str(row()["result"]).startswith("partially_succeeded: ")
    assert f"{counts['failed']:,} failed" in str(row()["result"])
    assert str(row()["kwargs"]) == str({"job_id": job, "org_id": ORG, "ids": 3000})
    assert len(shown.workers()) == 1, "the job's row is drawn under the worker's name"
    told = str(shown.tasks())
    assert TOKEN not in told
    assert not any(name in told for name in ids)


def test_a_job_that_ends_early_says_why(shown: Flower, stack: Stack) -> None:
    job = stack.submit(new_ids(30), "--deadline", "0.001s")
    until(lambda: shown.tasks(taskname=JOB).get(job, {}).get("state") == "FAILURE")
    assert shown.tasks(taskname=JOB)[job]["exception"] == "expired: the deadline passed"


@pytest.mark.parametrize("path", ["/", "/tasks", "/workers", "/api/tasks", "/api/workers", "/broker"])
def test_nothing_is_shown_without_the_password(shown: Flower, path: str) -> None:
    assert shown.status(path, user=None) == 401
    assert shown.status(path, user="watcher:wrong") == 401


@pytest.mark.parametrize(
    "path",
    ["task/send-task/any", f"task/async-apply/{TASK}", "task/revoke/any", "worker/shutdown/any"],
)
def test_nothing_can_be_done_even_with_it(shown: Flower, path: str) -> None:
    assert shown.status(f"/api/{path}", method="POST") == 403


def test_without_a_password_it_does_not_start(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--port=1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        # As Kubernetes sets it for a service named flower.
        env=environment({}) | {"FLOWER_PORT": "tcp://10.0.0.1:5555"},
        check=False,
    )
    # By which its unit does not start it again.
    assert done.returncode == 2
    assert "set FLOWER_BASIC_AUTH to user:password" in done.stderr


@pytest.mark.parametrize(("given", "code"), [("abc", 2), ("", 2), ("70000", 2), ("5555", 0), (None, 0)])
def test_a_port_that_flower_cannot_read_is_a_usage_error(given: str | None, code: int) -> None:
    app = Celery(set_as_current=False)
    refused_options.install(app)
    command = click.Command("flower", params=list(app.user_options["preload"]))
    done = CliRunner().invoke(command, env={"FLOWER_PORT": given})
    assert done.exit_code == code
    assert ("FLOWER_PORT: must be a port" in done.output) == (code != 0)


@pytest.mark.parametrize(
    "given",
    [
        *("", ":", "nobody", "anna:", ":secret", "anna:secret,", ",anna:secret", "anna:secret,,otto:other"),
        *("anna:secret,otto", "anna:secret,:", "anna:secret, otto:other", "anna:secret\n", "anna:sécret"),
    ],
)
def test_an_entry_without_a_user_or_password_leaves_it_closed(
    given: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLOWER_BASIC_AUTH", given)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(CONFIG))
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "set FLOWER_BASIC_AUTH to user:password" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("given", "left"), [("tcp://10.0.0.1:5555", {}), ("8888", {"FLOWER_PORT": "8888"}), (None, {})]
)
def test_a_port_that_kubernetes_set_is_none(given: str | None, left: dict[str, str]) -> None:
    variables = {} if given is None else {"FLOWER_PORT": given}
    drop_service_link(variables)
    assert variables == left


def test_several_users_and_passwords_with_colons_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "anna:a:secret,otto:with space")
    assert runpy.run_path(str(CONFIG))["basic_auth"] == ["anna:a:secret", "otto:with space"]


def test_it_listens_on_this_machine_alone(shown: Flower) -> None:
    port = int(shown.url.rsplit(":", 1)[1])
    listening = [found.laddr for found in psutil.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
    assert [address.ip for address in listening if address and address.port == port] == ["127.0.0.1"]
