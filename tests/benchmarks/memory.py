"""Memory of processes, from /proc (Linux)."""

import re
from pathlib import Path
from typing import Final

import psutil

_PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def peak_megabytes(pid: int) -> float:
    """Peak resident memory of the process."""
    found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def worker_pids(parent: int) -> list[int]:
    """Process ids that work on slices: `bulk-activate worker` itself, or the processes it supervises."""
    return [child.pid for child in psutil.Process(parent).children()] or [parent]
