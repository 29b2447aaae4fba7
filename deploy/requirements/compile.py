#!/usr/bin/env python3
"""Writes the pinned and hashed requirement files beside this one, from `pyproject.toml`.

Run it with CPython 3.11, our floor, on Linux, with pip-tools installed:

    python deploy/requirements/compile.py              # keeps pins that still fit
    python deploy/requirements/compile.py --upgrade    # takes the newest that fit

Weakness: pip-tools resolves for the Python and the system that it runs on. What only another one needs
is missing, and installing there stops with a message that names it.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
EXTRAS: Final = {
    "worker": ("embedded",),
    "monitor": ("monitor", "tracing"),
    "test": ("test",),
    "checks": ("checks",),
    "benchmark": ("benchmark",),
}
HEADER: Final = "# Made by `python deploy/requirements/compile.py` from pyproject.toml. Do not edit.\n"

PIP_COMPILE: Final = (
    "--quiet",
    "--generate-hashes",
    "--no-header",
    "--no-emit-options",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
    "--no-strip-extras",
    "--allow-unsafe",
)

PLAIN_PIP: Final = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
"""Without local folders and indexes: they hold a few wheels of a release, and we want all its hashes."""


def direct(project: dict[str, Any], extras: Iterable[str]) -> list[str]:
    """The requirements of the project with `extras`; where an extra names the project, what that means."""
    own = re.compile(re.escape(project["name"]) + r"\[(.+)\]")
    found: list[str] = list(project["dependencies"])
    for extra in extras:
        for requirement in project["optional-dependencies"][extra]:
            if (mine := own.fullmatch(requirement)) is not None:
                found += direct(project, mine[1].split(","))
            else:
                found.append(requirement)
    return list(dict.fromkeys(found))


def write(name: str, requirements: Sequence[str], options: Sequence[str]) -> None:
    """Pins `requirements` in NAME.txt. Raises `CalledProcessError` where they cannot be met together."""
    target = HERE / f"{name}.txt"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "pyproject.toml.in")
        source.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "piptools", "compile", *PIP_COMPILE, *options]
        # What it would print is what it writes.
        subprocess.run(
            [*command, "--output-file", str(target), str(source)],
            check=True,
            env=os.environ | PLAIN_PIP,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        pins = target.read_text(encoding="utf-8").replace(f"-r {source}", "pyproject.toml")
    target.write_text(HEADER + pins, encoding="utf-8")


def main(options: Sequence[str]) -> None:
    pyproject = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    for name, extras in EXTRAS.items():
        write(name, direct(pyproject["project"], extras), options)
    write("build", pyproject["build-system"]["requires"], options)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"pip-compile failed:\n{error.stderr.decode(errors='replace')}")
