"""Code in the folder where a command is started is never run.

What is tested is how Python starts, so each process here is started by its program: one that is forked off
another has imported everything already, elsewhere.
"""

import ast
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.e2e.stack import (
    BULK_ACTIVATE,
    CELERY,
    ORG,
    TIMEOUT,
    TOKEN,
    Done,
    Simulator,
    Stack,
    environment,
    until,
)

ROOT = Path(__file__).parents[2]
OPTIONAL = ("brotli", "celeryconfig", "gevent", "eventlet", "orjson", "simplejson", "uvloop", "usercustomize")
"""What libraries import where it is there, besides what is."""

TRACE = "open(__file__.rpartition('hostile')[0] + 'IMPORTED', 'a').write(__name__ + '\\n')\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of every name that could be imported, and settings that nobody asked for."""
    here = tmp_path / "hostile"
    here.mkdir()
    ours = {"worker", "producers", "sitecustomize"}
    for name in sys.stdlib_module_names | set(packages_distributions()) | set(OPTIONAL) | ours:
        if name.isidentifier() and name not in {*sys.builtin_module_names, "redis"}:
            (here / f"{name}.py").write_text(TRACE)
    (here / "redis").mkdir()
    (here / "redis" / "__init__.py").write_text(TRACE)
    (here / ".env").write_text("BULK_ACTIVATE_API_URL=https://attacker.test\nBULK_ACTIVATE_NONSENSE=1\n")
    monkeypatch.chdir(here)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return here


def imported(folder: Path) -> list[str]:
    trace = folder.parent / "IMPORTED"
    return trace.read_text().split() if trace.exists() else []


def program(*command: str, given: str = "", **settings: str) -> Done:
    """Runs a program to its end."""
    done = subprocess.run(
        command,
        input=given,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def bulk_activate(*arguments: str, given: str = "", **settings: str) -> Done:
    return program(BULK_ACTIVATE, *arguments, given=given, **settings)


def test_the_trap_works(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", "import click, redis"], env=environment({}), check=True)
    assert {"click", "redis"} <= set(imported(folder))


# `run`, `worker`, `doctor` and `submit` do their work below.
@pytest.mark.parametrize("command", ["", "metrics", "simulator"])
def test_help_imports_nothing_of_the_current_folder(folder: Path, command: str) -> None:
    done = bulk_activate(*command.split(), "--help")
    assert (done.code, imported(folder)) == (0, []), done.err


def test_a_demo_imports_nothing_of_the_current_folder(folder: Path) -> None:
    # With the embedded Redis, a worker and the simulator, each a process.
    done = bulk_activate("demo", "--ids", "60", "-o", "json", STATE_DIR=str(folder.parent / "state"))
    assert done.json()["state"] == "completed", done.err
    assert imported(folder) == []


def test_a_team_s_commands_import_nothing_of_the_current_folder(
    folder: Path, stack: Stack, api: Simulator
) -> None:
    own = {"REDIS_URL": stack.redis_url}
    reached = {"API_URL": api.url, "API_TOKEN": TOKEN}
    submitted = bulk_activate("submit", "-", "--org", ORG, given="one\ntwo\nthree\n", **own)
    job_id = submitted.out.strip()
    worker = stack.start([BULK_ACTIVATE, "worker", "--concurrency", "2"], **reached)
    until(lambda: stack.report(job_id)["state"] == "completed")
    looked = bulk_activate("doctor", **own, **reached)
    assert looked.code == 0, looked.out
    assert len(bulk_activate("results", job_id, "-o", "ndjson", **own).out.splitlines()) == 3
    worker.terminate()
    worker.wait(TIMEOUT)
    assert imported(folder) == []


def test_a_run_imports_nothing_of_the_current_folder(folder: Path, api: Simulator) -> None:
    (folder / "ids.txt").write_text("one\ntwo\n")
    state = str(folder.parent / "state")
    command = ("run", "ids.txt", "--org", ORG, "-o", "json")
    done = bulk_activate(*command, API_URL=api.url, API_TOKEN=TOKEN, STATE_DIR=state)
    assert done.json()["state"] == "completed", done.err
    assert imported(folder) == []


def test_celery_does_not_import_from_the_current_folder(folder: Path) -> None:
    def celery(*options: str) -> Done:
        return program(CELERY, *options, "-A", "worker", "report", API_TOKEN=TOKEN)

    # As the README and the units start it. Without, the folder's `worker` would be the app.
    assert celery("--workdir", "/").code == 0
    assert imported(folder) == []
    assert celery().code != 0
    assert imported(folder) == ["worker"]


def test_no_started_python_imports_from_the_current_folder() -> None:
    started = 0
    for file in (*(ROOT / "worker").rglob("*.py"), *(ROOT / "producers").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.List | ast.Tuple):
                words = [part.value for part in node.elts if isinstance(part, ast.Constant)]
                if "-m" in words:
                    started += 1
                    assert words[words.index("-m") - 1] == "-P", f"{file.name}:{node.lineno}"
    assert started == 4
