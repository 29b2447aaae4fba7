"""Every example of the documents does what it says, as it stands: typed into a shell, or, where a shell would
only split it into words, as those words.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.documents.markdown import document, tables
from tests.e2e.stack import (
    ORG,
    TIMEOUT,
    TOKEN,
    Done,
    Simulator,
    Stack,
    environment,
    forked,
    new_ids,
    simulator,
    until,
)
from worker.store.connect import sync_client
from worker.store.jobs import JobStore

README: Final = document("README.md").text
DEPLOY: Final = document("deploy/README.md").text
PRODUCERS: Final = document("producers/README.md").text
TESTS: Final = document("tests/README.md").text
SYMPTOMS: Final = [
    row[1].strip("`") for row in tables(document("README.md").section("Something is wrong").text)[0][1:]
]
"""The command for each symptom."""

SOME_REFUSED: Final = 3
"""What a command exits with that sees a job to its end, some of whose ids are refused."""

_TYPED: Final = r"(?:bulk-activate |FLOWER_BASIC_AUTH=|export )"


def examples(heading: str, page: str = README) -> list[str]:
    """The indented command lines under `heading`, without their remarks."""
    section = page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(rf"^ {{4}}({_TYPED}.*)$", section, re.MULTILINE)
    return [re.sub(r"\s+#.*$", "", line) for line in lines]


def shell(folder: Path, settings: dict[str, str], **more: str) -> dict[str, str]:
    """The environment of someone who has the commands on their PATH."""
    found = environment(settings) | more
    found["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{found['PATH']}"
    return found | {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}


def typed(line: str, folder: Path, env: dict[str, str]) -> Done:
    done = subprocess.run(
        ["/bin/bash", "-c", line],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def words_of(line: str) -> list[str]:
    """The arguments of a command in which a shell finds nothing but words."""
    program, *words = shlex.split(line)
    assert program == "bulk-activate"
    assert shlex.join([program, *words]) == line
    return words


@contextmanager
def left_running(line: str, folder: Path, env: dict[str, str]) -> Iterator[None]:
    with (folder / "background.log").open("ab") as log:
        child = subprocess.Popen(
            ["/bin/bash", "-c", f"exec {line}"],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(TIMEOUT)


@pytest.fixture
def owned() -> Iterator[Simulator]:
    with simulator("--org", ORG, "--fail", "0.05") as running:
        yield running


def test_no_example_is_missed() -> None:
    everywhere = re.findall(rf"^ {{4}}({_TYPED}.*?)(?:\s+#.*)?$", README + DEPLOY, re.MULTILINE)
    shown = [line for heading in ("One machine", "A team", "The rate") for line in examples(heading)]
    assert everywhere == shown + examples("Watching", DEPLOY)
    assert len(everywhere) > 12


def test_the_demo_as_it_is_typed(tmp_path: Path) -> None:
    (line,) = re.findall(r"^python3 -m venv .* && \.venv/bin/(bulk-activate demo)$", README, re.MULTILINE)
    done = typed(line, tmp_path, shell(tmp_path, {}))
    (told,) = re.findall(
        r"activates ([\d,]+) made-up ids\. It ends with exit code (\d)", " ".join(README.split())
    )
    assert f"Activating {told[0]} made-up ids" in done.err
    assert done.code == int(told[1])


@pytest.mark.parametrize(
    ("program", "instead"),
    [
        ("python -m tests.benchmarks.hostile", "--help"),
        ("python -m tests.benchmarks.pacing all", "--help"),
        ("pytest tests/core/answers/test_fuzz.py -n0 --fuzz 1000000", "--collect-only"),
    ],
)
def test_what_takes_long_is_at_least_taken(program: str, instead: str, tmp_path: Path) -> None:
    assert f"`{program}`" in TESTS
    root = Path(__file__).parents[2]
    done = typed(f"{program} {instead}", root, shell(tmp_path, {}))
    assert done.code == 0, done.out + done.err


def test_one_machine(owned: Simulator, tmp_path: Path) -> None:
    (tmp_path / "owner-token").write_text(f"{TOKEN}\n")
    (tmp_path / "ids.txt").write_text("\n".join(new_ids(300)))
    env = shell(tmp_path, {"API_URL": owned.url, "RATE": "500"})
    export, run, listed, resume, cancel = examples("One machine")
    done = typed(f"{export}; {run}", tmp_path, env)
    assert done.code == SOME_REFUSED, done.err
    files = {path.name for path in (tmp_path / "results").iterdir()}
    assert files == {"results.csv", "failed.csv", "malformed.csv", "report.html", "manifest.json"}
    assert all(f"`{name}`" in README for name in files)
    (checked,) = re.findall(r"`(bulk-activate verify --folder results/)`", README)
    assert typed(checked, tmp_path, env).code == 0
    job_id = typed(listed, tmp_path, env).out.splitlines()[1].split()[0]
    for line in (resume, cancel):
        # That they work on a job that is left is shown in `test_e2e_local`.
        done = typed(f"{export}; {line.replace('JOB', job_id)}", tmp_path, env)
        assert (done.code, f"job {job_id}" in done.err, "is completed" in done.err) == (2, True, True)


def test_a_team(stack: Stack, owned: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ids.txt").write_text("\n".join(new_ids(300)))
    settings = {"API_URL": owned.url, "RATE": "500", "REDIS_URL": stack.redis_url}
    env = shell(tmp_path, settings | {"API_TOKEN": TOKEN})
    # Only workers hold the credential: whoever submits has none.
    bare = shell(tmp_path, settings)
    worker, *lines, purge = examples("A team")
    assert "worker" in worker
    job = "not yet"
    with left_running(worker, tmp_path, env):
        until(lambda: workers(stack) == 2)
        for line in (*lines, *SYMPTOMS, purge):
            name = line.split()[1]
            line = line.replace("GUID", ORG).replace("ORG", ORG).replace("JOB", job)  # noqa: PLW2901 -- as typed.
            done = forked(words_of(line), env if name == "doctor" else bare)
            assert done.code == (SOME_REFUSED if "--watch" in line else 0), f"{line}\n{done.err}"
            if name == "submit":
                job = done.out.strip()
        assert (tmp_path / "report.html").is_file()
        assert (tmp_path / "failed.csv").is_file()
        for line in examples("The rate"):
            assert forked(words_of(line.replace("ORG", ORG)), bare).code == 0


def test_watching(stack: Stack, tmp_path: Path) -> None:
    flower, metrics = examples("Watching", DEPLOY)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = one.getsockname()[1], other.getsockname()[1]
    env = shell(tmp_path, {"REDIS_URL": stack.redis_url}, FLOWER_PORT=str(ports[0]))
    here = Path(__file__).parents[2]
    with (
        left_running(f"env {flower.replace('$PWD', str(here))}", tmp_path, env),
        left_running(metrics.replace("9464", str(ports[1])), tmp_path, env),
    ):
        until(lambda: answers(f"http://127.0.0.1:{ports[0]}/healthcheck"))
        until(lambda: answers(f"http://127.0.0.1:{ports[1]}/metrics"))


def workers(stack: Stack) -> int:
    with sync_client(stack.redis_url) as client:
        return JobStore(client).live_workers(60_000)


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except (urllib.error.URLError, ConnectionError):
        return False
    return True


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_is_switched_on(name: str, tmp_path: Path) -> None:
    assert f"{name}_source" in PRODUCERS
    env = shell(tmp_path, {})
    if name == "bash":
        (line,) = re.findall(r'`(eval "\$\(_BULK_ACTIVATE_COMPLETE=bash_source bulk-activate\)")`', PRODUCERS)
        done = typed(f"{line}; complete -p bulk-activate", tmp_path, env)
        assert done.out.startswith("complete"), done.err
    else:
        done = typed(f"_BULK_ACTIVATE_COMPLETE={name}_source bulk-activate", tmp_path, env)
        assert "bulk-activate" in done.out
    assert done.code == 0
