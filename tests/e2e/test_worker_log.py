"""Worker processes log JSON lines from their start to their end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from producers.local.children import last_log_line
from tests.e2e.stack import CELERY, TIMEOUT, TOKEN, Simulator, Stack, environment, new_ids, until
from worker.store import keys
from worker.store.connect import sync_client


def events(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_killed_worker_process_is_logged_as_json(stack: Stack, api: Simulator) -> None:
    # What others may read is warned of.
    secrets = stack.home / "secrets"
    secrets.mkdir(mode=0o700)
    secret = secrets / "bulk_activate_log_level"
    secret.write_text("info")
    secret.chmod(0o644)
    worker = stack.worker(api, "--concurrency", "2", SECRETS_DIR=str(secrets))
    job_id = stack.submit(new_ids(600))
    until(lambda: stack.report(job_id)["state"] == "completed")
    victim = psutil.Process(worker.pid).children()[0]
    victim.send_signal(signal.SIGKILL)
    until(lambda: "starting another" in stack.log.read_text())
    until(lambda: len(psutil.Process(worker.pid).children()) == 2)
    processes = psutil.Process(worker.pid).children()
    worker.send_signal(signal.SIGHUP)
    assert worker.wait(TIMEOUT) == 0
    assert not any(process.is_running() for process in processes)
    told = events(stack.log)
    warnings = [event for event in told if event["level"] == "warning"]
    (restarted,) = [event for event in warnings if event["event"] == "a process ended; starting another"]
    assert [restarted[name] for name in ("process", "pid", "code")] == ["worker", victim.pid, -9]
    assert any(event["event"].startswith(f"{secret} holds secrets") for event in warnings)
    assert {"the worker has ended as it was told"} <= {event["event"] for event in told}


def test_a_worker_that_celery_starts_says_nothing_but_json_either(stack: Stack, api: Simulator) -> None:
    """Neither a greeting, nor a warning to root, nor Celery's words at the end."""
    worker = stack.start([CELERY, "-A", "worker", "worker"], API_URL=api.url, API_TOKEN=TOKEN)
    with sync_client(stack.redis_url) as client:
        until(lambda: client.zcard(keys.WORKERS) == 1)
    until(lambda: "ready." in stack.log.read_text())
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(TIMEOUT) == 0
    told = events(stack.log)
    assert os.getuid() or any("superuser" in event["event"] for event in told)


@pytest.mark.parametrize(
    ("options", "refused"),
    [(["--autoscale=10,2"], "--autoscale"), (["--detach"], "--detach"), (["-D", "-c1"], "--detach")],
)
def test_an_option_of_celery_that_is_not_for_this_worker_is_refused_in_a_line(
    tmp_path: Path, options: list[str], refused: str
) -> None:
    done = celery("-A", "worker", "worker", f"--pidfile={tmp_path}/pid", *options)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"Error: {refused}")
    assert list(tmp_path.iterdir()) == []


def test_celery_multi_starts_nothing_and_says_why(tmp_path: Path) -> None:
    folders = [f"--pidfile={tmp_path}/%n.pid", f"--logfile={tmp_path}/%n.log"]
    done = celery("-A", "worker", "multi", "start", "one", *folders)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("Error: `celery multi`")
    assert list(tmp_path.iterdir()) == []


def celery(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [CELERY, *arguments], env=environment({}), capture_output=True, timeout=TIMEOUT, check=False
    )


UNCAUGHT = """
import sys, threading, warnings
from worker.telemetry import logs
from worker.settings import Settings
logs.configure(Settings(log_format="json"))
logs.log_uncaught()
warnings.warn("of a library\\nin two lines")
thread = threading.Thread(target=lambda: {}["of a thread"])
thread.start()
thread.join()
raise ValueError("of the\\nprocess")
"""


def test_warnings_and_uncaught_errors_are_events() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNCAUGHT],
        env=environment({}),
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 1
    warning, thread, process = (json.loads(line) for line in done.stderr.splitlines())
    assert "of a library" in warning["event"]
    assert [thread["exception"][0]["exc_type"], process["exception"][0]["exc_type"]] == [
        "KeyError",
        "ValueError",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"Error: API_URL: must be https", "API_URL: must be https"),
        (
            b'{"event": "it broke", "exception": [{"exc_type": "E", "exc_value": "why"}]}',
            "it broke: E: why",
        ),
        (b'{"event": "gone"}', "gone"),
        (b"", "it said nothing"),
    ],
)
def test_the_last_log_line_of_a_child_is_shown_as_text(tmp_path: Path, line: bytes, said: str) -> None:
    log = tmp_path / "log"
    log.write_bytes(line + b"\n")
    assert last_log_line(log) == said
