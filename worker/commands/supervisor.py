"""Keeps processes of the worker's side running until this one is stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

import structlog

from worker.process import heartbeat
from worker.settings import PREFIX

_RESTART_PAUSE: Final = 1.0
"""Seconds before a dead process is started again, so that one that dies at once causes no load."""

_POLL: Final = 0.2
"""Seconds between two looks at the processes."""

log = structlog.get_logger(__name__)


class Process(NamedTuple):
    """Arguments of a process to keep running, and the heartbeat file that it writes."""

    arguments: tuple[str, ...]
    heartbeat_file: Path | None


def own_heartbeat_file(file: Path | None, number: int) -> Path | None:
    """The heartbeat file of process `number`, beside the supervisor's `file`."""
    return file and file.with_name(f"{file.name}.{number}")


def keep_running(processes: list[Process], file: Path | None) -> int:
    """Starts all `processes`, restarts any that dies, and stops all on SIGTERM or SIGINT.

    Writes the heartbeat `file` while those of all processes are fresh. Returns the exit code.
    """
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    heartbeat_files = [process.heartbeat_file for process in processes if process.heartbeat_file is not None]
    children = [_start(process) for process in processes]
    while not stopping:
        for position, child in enumerate(children):
            if child.poll() is not None:
                name = processes[position].arguments[0]
                log.warning(
                    "a process ended; starting another", process=name, pid=child.pid, code=child.returncode
                )
                time.sleep(_RESTART_PAUSE)
                children[position] = _start(processes[position])
        if file is not None and heartbeat.all_fresh(heartbeat_files, time.time()):
            heartbeat.write(file, f"{len(heartbeat_files)} processes beat")
        time.sleep(_POLL)
    for child in children:
        child.terminate()
    code = max(_exit_code(child.wait()) for child in children)
    if file is not None:
        file.unlink(missing_ok=True)
    return code


def _exit_code(code: int) -> int:
    """The exit code of a process after SIGTERM; 0 if it died of the signal while it was starting."""
    return 0 if code == -signal.SIGTERM else abs(code)


def _start(process: Process) -> "subprocess.Popen[bytes]":
    # Its own session: Ctrl-C reaches it only through this parent, once. The pipe ends it with the parent.
    command_line = [sys.executable, "-P", "-m", "worker", *process.arguments, "--with-parent"]
    environment = os.environ | (
        {f"{PREFIX}HEARTBEAT_FILE": str(process.heartbeat_file)} if process.heartbeat_file else {}
    )
    return subprocess.Popen(command_line, stdin=subprocess.PIPE, start_new_session=True, env=environment)
