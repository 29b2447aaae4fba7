"""Code in the folder where a command is started is never run."""

import ast
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.e2e.stack import CELERY, ORG, TIMEOUT, TOKEN, Done, Simulator, Stack, cli, environment, until

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


def test_the_trap_works(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", "import click, redis"], env=environment({}), check=True)
    assert {"click", "redis"} <= set(imported(folder))


@pytest.mark.parametrize("command", ["", "run", "worker", "metrics", "simulator", "doctor", "submit"])
def test_help_imports_nothing_of_the_current_folder(folder: Path, command: str) -> None:
    done = cli(*command.split(), "--help")
    assert (done.code, imported(folder)) == (0, []), done.err


def test_a_demo_imports_nothing_of_the_current_folder(folder: Path) -> None:
    # With the embedded Redis, a worker and the simulator, each a process.
    done = cli("demo", "--ids", "60", "-o", "json", STATE_DIR=str(folder.parent / "state"))
    assert done.json()["state"] == "completed", done.err
    assert imported(folder) == []


def test_a_team_s_commands_import_nothing_of_the_current_folder(
    folder: Path, stack: Stack, api: Simulator
) -> None:
    job_id = stack.submit(["one", "two", "three"])
    worker = stack.worker(api, "--concurrency", "2")
    until(lambda: stack.report(job_id)["state"] == "completed")
    looked = stack.cli("doctor", API_URL=api.url, API_TOKEN=TOKEN)
    assert looked.code == 0, looked.out
    assert len(stack.rows(job_id)) == 3
    worker.terminate()
    worker.wait(TIMEOUT)
    assert imported(folder) == []


def test_a_run_imports_nothing_of_the_current_folder(folder: Path, api: Simulator) -> None:
    (folder / "ids.txt").write_text("one\ntwo\n")
    state = str(folder.parent / "state")
    done = cli(
        *("run", "ids.txt", "--org", ORG, "-o", "json"), API_URL=api.url, API_TOKEN=TOKEN, STATE_DIR=state
    )
    assert done.json()["state"] == "completed", done.err
    assert imported(folder) == []


def test_celery_does_not_import_from_the_current_folder(folder: Path) -> None:
    def celery(*options: str) -> Done:
        done = subprocess.run(
            [CELERY, *options, "-A", "worker", "report"],
            env=environment({"API_TOKEN": TOKEN}),
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

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
