"""Finds promtool, the checker of Prometheus, of Debian's package `prometheus`."""

import shutil
import subprocess
from pathlib import Path

from tests.servers import missing


def promtool(*arguments: str | Path, given: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Path of promtool. Without it the test is skipped; with CI=true it fails."""
    binary = shutil.which("promtool")
    if binary is None:
        missing("promtool")
    return subprocess.run(
        [binary, *map(str, arguments)], input=given, capture_output=True, text=True, check=False
    )
