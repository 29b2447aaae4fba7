"""The examples of producers/README.md do what they say, against real workers."""

import ast
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

import producers
from tests.e2e.stack import CELERY, ORG, TIMEOUT, Simulator, Stack, environment, new_ids, simulator
from tests.servers import RealServer, valkey9

HERE = Path(__file__).parent
EXAMPLES = sorted({path.name for path in HERE.glob("*.py")} - {Path(__file__).name})


@pytest.fixture
def redis() -> Iterator[RealServer]:
    with valkey9() as real:
        yield real


@pytest.fixture
def stack(redis: RealServer, tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path, redis.server.url) as running:
        yield running


@pytest.fixture
def api() -> Iterator[Simulator]:
    with simulator("--fail", "0.05") as running:
        yield running


def test_the_script_streams_a_query_and_prints_what_is_not_active(stack: Stack, api: Simulator) -> None:
    ids = new_ids(300)
    database = stack.home / "tokens.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE tokens (id TEXT, suspended INTEGER)")
        rows = [(token_id, number < 200) for number, token_id in enumerate(ids)]
        connection.executemany("INSERT INTO tokens VALUES (?, ?)", rows)
    connection.close()
    stack.worker(api)
    command = [sys.executable, str(HERE / "script.py"), str(database), ORG, "incident-42"]
    told = [
        subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            env=environment({"REDIS_URL": stack.redis_url}),
        )
        for _ in range(2)
    ]
    first, second = told
    refused = {token_id for token_id, entry in api.world().items() if not entry["active"]}
    assert {line.split("\t")[0] for line in first.stdout.splitlines()} == refused
    assert first.returncode == (3 if refused else 0), first.stderr
    # Started again, it shows the same job and sends nothing.
    assert (second.stdout, second.stderr, second.returncode) == (first.stdout, first.stderr, first.returncode)
    assert {entry["sent"] for entry in api.world().values()} == {1}
    assert set(api.world()) == set(ids[:200])


@pytest.fixture
def browser(redis: RealServer, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setenv("BULK_ACTIVATE_REDIS_URL", redis.server.url)
    if not settings.configured:
        settings.configure(
            ROOT_URLCONF="tests.examples.django_view", ALLOWED_HOSTS=["testserver"], SECRET_KEY="of a test"
        )
    from tests.examples import django_view

    django_view.client.cache_clear()
    return Browser()


def test_the_view_takes_an_uploaded_list_and_shows_the_report(browser: Browser) -> None:
    def upload(content: bytes, key: str) -> tuple[int, dict[str, str]]:
        data = {"list": SimpleUploadedFile("list.csv", content), "organization": ORG}
        answer = browser.post("/activations", data, headers={"idempotency-key": key})
        return answer.status_code, answer.json()

    table = b"name,id\nAnna,id-1\nBob,id-2\n"
    made, found = upload(table, "form-1"), upload(table, "form-1")
    assert (made[0], found) == (201, (200, made[1]))
    report = browser.get(f"/activations/{made[1]['job_id']}").json()
    assert (report["counts"]["total"], report["created_by"]) == (2, "tokens-app")
    status, refused = upload(b"name,city\nAnna,Rome\n", "form-2")
    assert (status, "column" in refused["error"]) == (400, True)
    assert browser.get("/activations/no-such-job").status_code == 404


def test_a_view_says_nothing_of_the_redis_that_is_away(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULK_ACTIVATE_REDIS_URL", "redis://127.0.0.1:1/0")
    data = {"list": SimpleUploadedFile("ids.txt", b"id-1\n"), "organization": ORG}
    answer = browser.post("/activations", data, headers={"idempotency-key": "form-3"})
    assert (answer.status_code, answer.json()) == (503, {"error": "try again in a moment"})


def test_the_tasks_of_another_application_keep_to_themselves(stack: Stack, api: Simulator) -> None:
    broker = stack.redis_url.replace("unix:", "redis+socket:").replace("?db=0", "?virtual_host=1")
    given = environment({"REDIS_URL": stack.redis_url}) | {"BILLING_BROKER_URL": broker}
    code = f"""
import json, sys
from tests.examples import celery_task
ids = json.load(sys.stdin)
sent = [celery_task.reactivate.apply_async([ids, {ORG!r}], task_id="one") for _ in range(2)]
job_ids = {{result.get(timeout=60) for result in sent}}
(job_id,) = job_ids
print(json.dumps(celery_task.counts.delay(job_id).get(timeout=60)))
"""
    with (stack.home / "billing.log").open("wb") as log:
        theirs = subprocess.Popen(
            [CELERY, "-A", "tests.examples.celery_task", "worker", "--pool", "solo", "--loglevel", "info"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=given,
        )
    stack.children.append(theirs)
    stack.worker(api)
    ids = new_ids(30)
    asked = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(ids),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env=given,
    )
    assert asked.returncode == 0, asked.stderr + (stack.home / "billing.log").read_text()
    counts = json.loads(asked.stdout)
    assert (counts["total"], counts["activated"] + counts["failed"]) == (30, 30)
    assert set(api.world()) == set(ids)


def test_the_operator_is_python_and_calls_what_there_is() -> None:
    """mypy, which checks the rest, has no types of Airflow."""
    tree = ast.parse((HERE / "airflow_operator.py").read_text())
    (imported,) = [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "producers"
    ]
    assert {alias.name for alias in imported.names} <= set(producers.__all__)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_readme_links_each_example(name: str) -> None:
    assert f"(../tests/examples/{name})" in (HERE.parents[1] / "producers" / "README.md").read_text()
