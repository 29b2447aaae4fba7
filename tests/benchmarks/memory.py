"""What processes hold in memory, by /proc (Linux)."""

import re
from pathlib import Path
from typing import Final

import psutil

_PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def peak_megabytes(pid: int) -> float:
    """The most that the process ever had resident."""
    found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def worker_pids(parent: int) -> list[int]:
    """The processes of `bulk-activate worker` that work on slices: itself, or those that it keeps running."""
    return [child.pid for child in psutil.Process(parent).children()] or [parent]
