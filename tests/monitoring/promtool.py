"""Prometheus' own checker, of Debian's package `prometheus`."""

import shutil
import subprocess
from pathlib import Path

from tests.servers import missing


def promtool(*arguments: str | Path, given: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Skips the test, or fails it where CI=true, where there is none."""
    binary = shutil.which("promtool")
    if binary is None:
        missing("promtool")
    return subprocess.run(
        [binary, *map(str, arguments)], input=given, capture_output=True, text=True, check=False
    )
