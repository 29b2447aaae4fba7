"""Text of others moves no terminal: in the watch, tables, errors, the log and what a shell completes."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast
from unittest.mock import Mock

import msgspec
import pytest
from rich.console import Console

from producers.cli.commands import listing
from producers.cli.completion import job_ids
from producers.cli.main import _exit_code
from producers.display import table
from producers.display.live_view import LiveView, as_line, as_lines
from producers.summary import JobSummary
from tests.core.stored import T0, job, made
from tests.e2e.stack import cli, environment
from tests.reports.pages import report
from tests.servers import RealServer
from tests.store.job_setup import put_job
from tests.store.spoilt import spoil_job
from worker.core.reporting.schema import FailureGroup, Report, StateReason
from worker.core.visible import visible
from worker.store import keys
from worker.store.connect import sync_client
from worker.store.jobs import JobStore

if TYPE_CHECKING:
    from worker.core.job import State

EVIL = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u200b\u2028\nline two\ud83d"


def harmless(text: str) -> bool:
    return all(char == "\n" or visible(char) == char for char in text)


def evil_report() -> Report:
    group = FailureGroup(EVIL, EVIL, 3, 200, [], retryable=False)
    return msgspec.structs.replace(
        made(job()),
        created_by=EVIL,
        org_id=EVIL,
        job_id=EVIL,
        failures=[group],
        state_reason=StateReason("api_unavailable", EVIL, EVIL),
    )


def test_the_table_of_a_job(capsys: pytest.CaptureFixture[str]) -> None:
    table.as_table(evil_report())
    out = capsys.readouterr().out
    assert harmless(out)
    assert r"\u202egnp.exe\u200b" in out


def test_the_table_of_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    counts = made(job()).counts
    listing._table([JobSummary(EVIL, EVIL, f"https://{EVIL}", cast("State", EVIL), "now", EVIL, counts)])
    out = capsys.readouterr().out
    assert harmless(out)
    # A long host is folded.
    assert out.replace("\n", "").count(r"\x1b") >= 4


def test_what_a_shell_completes(valkey: RealServer, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = "20990101-000000-\x1b[2J\u202e"
    with sync_client(valkey.server.url) as client:
        good = put_job(JobStore(client), 15)
        spoil_job(client, good, {"state": EVIL.replace("\ud83d", "")})
        client.rename(keys.job(put_job(JobStore(client), 15)), keys.job(odd))
        client.zadd(keys.JOBS, {odd: 2e12})
    monkeypatch.setenv("BULK_ACTIVATE_REDIS_URL", valkey.server.url)
    # click asks for neither: they are there for completions of other kinds.
    completed = {item.value: item.help for item in job_ids(Mock(), Mock(), "")}
    assert odd not in completed
    assert harmless(completed[good] or "\x1b")


def test_json_stays_exact(capsys: pytest.CaptureFixture[str]) -> None:
    exact = EVIL.replace("\ud83d", "")
    table.as_json({"message": exact})
    assert json.loads(capsys.readouterr().out) == {"message": exact}


def test_the_watch() -> None:
    view = LiveView(evil_report(), T0, 1)
    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)
    console.print(as_lines(view))
    assert isinstance(console.file, io.StringIO)
    assert harmless(console.file.getvalue())
    assert harmless(as_line(view))


TYPED = EVIL.replace("\ud83d", "\udc80")
"""As Python reads bytes of a command line that are no UTF-8."""


@pytest.mark.parametrize(
    "arguments",
    [["status", TYPED], ["list", "--state", TYPED], [TYPED], [f"--{TYPED}"], ["plan", f"/{TYPED}"]],
)
def test_an_error_that_echoes_what_was_typed(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert _exit_code(arguments) in {2, 5, 7}
    err = capsys.readouterr().err
    assert err
    assert harmless(err)


def test_a_results_folder_of_somebody_else(tmp_path: Path) -> None:
    manifest = {
        "job_id": EVIL.replace("\ud83d", ""),
        "input": msgspec.to_builtins(report([]).manifest),
        "counts": {},
        "files": {"results.csv": {"sha256": EVIL[:9]}, "failed.csv": {"sha256": ""}},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    done = cli("verify", "--folder", str(tmp_path))
    assert done.code == 6
    assert harmless(done.err + done.out)


LOG = """
import sys, structlog, logging
from worker.telemetry import logs
from worker.settings import Settings
logs.configure(Settings(log_format="console"))
evil = sys.argv[1]
structlog.get_logger("ours").warning("said", message=evil, reason=[evil])
logging.getLogger("theirs").warning("said %s", evil)
try:
    raise ValueError(evil)
except ValueError:
    structlog.get_logger("ours").exception("broke")
"""


def test_the_log_on_a_terminal() -> None:
    evil = EVIL.replace("\ud83d", "")
    done = subprocess.run(
        [sys.executable, "-c", LOG, evil], env=environment({}), capture_output=True, text=True, check=True
    )
    assert harmless(done.stderr)
    # The renderer quotes a value that has spaces in it.
    assert done.stderr.replace("\\\\", "\\").count(r"\u202egnp.exe\u200b") == 4
    # A traceback keeps its lines.
    assert "\nTraceback (most recent call last):\n" in done.stderr
