"""Runs checkers of configuration files, as their users do."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers import missing


def tool(name: str) -> str:
    """Path of a tool, beside this Python or on PATH. Without it the test is skipped; it fails if CI=true."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        missing(name)
    return found


def check(name: str, *arguments: str | Path, given: str | None = None) -> str:
    """Output of the tool if it succeeds; otherwise the test fails with the output."""
    done = subprocess.run(
        [tool(name), *arguments], input=given, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    return done.stdout
