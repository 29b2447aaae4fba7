"""Tools that were made to check files of one kind, run as their users run them."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers import missing


def tool(name: str) -> str:
    """Beside this Python, or on PATH; without it the test is skipped, with CI=true it fails."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        missing(name)
    return found


def check(name: str, *arguments: str | Path, given: str | None = None) -> str:
    """What the tool said, where it is content. Fails with what it said where it is not."""
    done = subprocess.run(
        [tool(name), *arguments], input=given, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    return done.stdout
