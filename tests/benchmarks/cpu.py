"""CPU seconds of a process and its descendants, from /proc (Linux)."""

import os
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
# proc(5) counts from 1; what follows the name in brackets begins with number 3.
_PARENT, _USER, _SYSTEM, _ENDED_USER, _ENDED_SYSTEM = 4 - 3, 14 - 3, 15 - 3, 16 - 3, 17 - 3


def cpu_seconds(pid: int) -> float:
    """CPU seconds of `pid`, its living descendants, and those that ended and were waited for."""
    stats = _stats()
    return sum(_used(stats[one]) for one in _family(pid, stats) if one in stats) / _TICKS


def _used(fields: list[str]) -> int:
    return sum(int(fields[place]) for place in (_USER, _SYSTEM, _ENDED_USER, _ENDED_SYSTEM))


def _family(pid: int, stats: dict[int, list[str]]) -> set[int]:
    family = {pid}
    while more := {one for one, fields in stats.items() if int(fields[_PARENT]) in family} - family:
        family |= more
    return family


def _stats() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # It ended meanwhile.
            found[int(folder.name)] = text.rpartition(") ")[2].split()
    return found
