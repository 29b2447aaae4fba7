"""What to type next: after a look, after an error, and while typing."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import msgspec
import pytest

from producers.display.next_step import next_after_run, next_command
from tests.core.stored import job, made
from tests.e2e.stack import BULK_ACTIVATE, ORG, Stack, cli, environment, new_ids
from tests.servers import missing
from worker.core.job import State
from worker.core.reporting.schema import FailureGroup
from worker.store.location import StoreLocation


@pytest.mark.parametrize(
    ("state", "more", "workers", "command"),
    [
        (State.RUNNING, {"total": 1, "n_pending": 1}, 1, "status J --watch"),
        (State.QUEUED, {"total": 1, "n_pending": 1}, 0, "worker"),
        (State.PAUSED, {"reason_code": "user"}, 1, "resume J"),
        (State.PAUSED, {"reason_code": "credential_rejected"}, 1, "once the credential is mended"),
        (State.COMPLETED, {"total": 1, "n_activated": 1}, 1, "report J"),
        (State.COMPLETED, {"total": 1, "n_failed": 1}, 1, "retry J"),
        (State.COMPLETED, {"total": 1, "n_activated": 1, "parent_job_id": "P"}, 1, "report J --merged"),
        (State.CANCELLED, {"total": 1, "n_not_attempted": 1}, 1, "retry J"),
        (State.COMPLETED, {"total": 2, "n_activated": 1}, 1, "verify J"),
    ],
)
def test_each_state_has_a_next_command(
    state: State, more: dict[str, object], workers: int, command: str
) -> None:
    assert command in next_command(made(job(state, **more)), workers=workers)


def test_after_a_run_the_folder_has_what_is_left() -> None:
    refused = FailureGroup("TOKEN_NOT_FOUND", "no", 1, 200, [], retryable=False)
    report = made(job(State.COMPLETED, total=2, n_failed=1, n_unknown=1))
    folder = Path("the results")
    shown = next_after_run(msgspec.structs.replace(report, failures=[refused]), folder)
    assert shown.startswith(f"Next: bulk-activate run 'the results/failed.csv' --org {report.org_id} ")
    hopeless = made(job(State.COMPLETED, total=2, n_failed=1, n_activated=1))
    shown = next_after_run(msgspec.structs.replace(hopeless, failures=[refused]), folder)
    assert (
        shown
        == "What is not active stands in 'the results/failed.csv'; trying again mends none of the reasons"
    )


@pytest.mark.parametrize(
    ("state", "more", "at_work", "command"),
    [
        (State.RUNNING, {"total": 1, "n_pending": 1}, True, "status J --local --watch"),
        (State.RUNNING, {"total": 1, "n_pending": 1}, False, "run --resume J"),
        (State.PAUSED, {"total": 1, "n_pending": 1}, True, "run --resume J"),
        (State.COMPLETED, {"total": 1, "n_activated": 1}, False, "report J --local"),
        (State.COMPLETED, {"total": 1, "n_failed": 1}, False, "results J --local"),
        (State.COMPLETED, {"total": 2, "n_activated": 1}, False, "verify J --local"),
    ],
)
def test_after_a_look_at_a_job_of_run_the_command_leads_there(
    state: State, more: dict[str, object], at_work: bool, command: str
) -> None:
    where = StoreLocation("STATE_DIR", " --local", at_work)
    assert next_command(made(job(state, **more)), workers=0, where=where).startswith(
        f"bulk-activate {command}"
    )


@pytest.mark.parametrize(
    ("retryable", "counts", "command"),
    [
        (False, {"n_failed": 2}, "results J --outcome failed"),
        (True, {"n_failed": 2}, "retry J"),
        (False, {"n_failed": 1, "n_unknown": 1}, "retry J"),
    ],
)
def test_a_retry_is_not_advised_where_it_would_mend_nothing(
    retryable: bool, counts: dict[str, int], command: str
) -> None:
    group = FailureGroup("NO", "", 2, 200, [], retryable=retryable)
    report = msgspec.structs.replace(made(job(State.COMPLETED, total=2, **counts)), failures=[group])
    assert next_command(report).startswith(f"bulk-activate {command}")


def test_what_is_asked_in_vain_is_said(stack: Stack) -> None:
    empty = stack.cli("submit", "-", "--org", ORG, given="")
    assert (empty.code, "holds no id" in empty.err) == (0, True)
    job_id = stack.submit(new_ids(2))
    unknown = stack.cli("results", job_id, "--id", "no-such-id")
    assert (unknown.code, len(unknown.out.splitlines())) == (0, 1)
    assert "no such row" in unknown.err
    assert "no-such-id" in unknown.err
    changed = stack.cli("submit", "-", "--org", ORG, "--plan", "0" * 64, given="an-id\n")
    assert (changed.code, "bulk-activate plan -" in changed.err) == (2, True)
    for command in (("status", job_id, "--timeout", "5s"), ("set-rate", "no-guid", "5")):
        assert stack.cli(*command).code == 2


def test_status_says_it_where_people_read_and_not_in_json(stack: Stack) -> None:
    job_id = stack.submit(new_ids(20))
    assert "Next: bulk-activate worker" in stack.cli("status", job_id).err
    assert "Next" not in stack.cli("status", job_id, "-o", "json").err
    stack.cli("cancel", job_id)
    assert f"bulk-activate retry {job_id}" in stack.cli("status", job_id).err
    assert f"bulk-activate retry {job_id}" in stack.cli("resume", job_id).err


def test_a_misspelled_command_is_recognized() -> None:
    done = cli("sttus")
    assert done.code == 2
    assert "did you mean status?" in done.err
    assert "--help" in cli("zzz").err
    assert "bulk-activate doctor" in cli("list", REDIS_URL="redis://127.0.0.1:1/0").err


def complete(stack: Stack | None, *words: str) -> list[str]:
    extra = {
        "_BULK_ACTIVATE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["bulk-activate", *words]),
        "COMP_CWORD": str(len(words)),
    }
    url = "redis://127.0.0.1:1/0" if stack is None else stack.redis_url
    shell = environment({"REDIS_URL": url}) | extra
    done = subprocess.run([BULK_ACTIVATE], env=os.environ | shell, capture_output=True, text=True, check=True)
    return [line.split(",", 1)[1] for line in done.stdout.splitlines() if line]


def test_a_shell_completes_commands_options_and_jobs(stack: Stack) -> None:
    assert set(complete(None, "re")) == {"results", "report", "resume", "retry"}
    assert "--merged" in complete(None, "results", "--m")
    job_id = stack.submit(new_ids(1))
    assert complete(stack, "status", job_id[:4]) == [job_id]
    assert complete(None, "status", job_id[:4]) == []


ASKED_BY: Final = {
    "bash": (
        "COMP_WORDS=(bulk-activate re); COMP_CWORD=1; _bulk_activate_completion bulk-activate re;"
        ' printf "%s\\n" "${COMPREPLY[@]}"'
    ),
    # What the completion's own function would offer, told by `compadd` instead of drawn.
    "zsh": (
        'compadd() { while [[ $1 == -* ]]; do shift 2; done; print -l -- "${(@P)1}"; };'
        ' _describe() { print -l -- "${(@P)3}"; };'
        " words=(bulk-activate re); CURRENT=2; _bulk_activate_completion"
    ),
}


@pytest.mark.parametrize("shell", ASKED_BY)
def test_the_shells_own_function_completes(shell: str) -> None:
    if shutil.which(shell) is None:
        missing(shell)
    begin = "autoload -U compinit; compinit -D -u; " if shell == "zsh" else ""
    script = f'{begin}eval "$(_BULK_ACTIVATE_COMPLETE={shell}_source bulk-activate)"; {ASKED_BY[shell]}'
    no_files = {"bash": "--norc", "zsh": "-f"}[shell]
    env = environment({}) | {"PATH": f"{Path(BULK_ACTIVATE).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [shell, no_files, "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert {line.partition(":")[0] for line in done.stdout.split()} >= {
        "results",
        "report",
        "resume",
        "retry",
    }, done.stderr
