#!/usr/bin/env python3
"""Writes the pinned and hashed requirement files beside this one, from `pyproject.toml`.

Run it with CPython 3.11 or newer, with uv installed:

    python deploy/requirements/compile.py              # keeps pins that still fit
    python deploy/requirements/compile.py --upgrade    # takes the newest that fit

One file serves every Python from our floor on, and every system: what only some of them need carries the
condition. (redis-py, for one, needs `async-timeout` below 3.11.3, and pip takes nothing without a hash.)
Weakness: whether a release has a wheel for a machine is known only when it is installed there.
"""

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
    "serve": ("serve", "tracing"),
    "test": ("test",),
    "checks": ("checks",),
    "benchmark": ("benchmark",),
}
HEADER: Final = "# Made by `python deploy/requirements/compile.py` from pyproject.toml. Do not edit.\n"

FLOOR: Final = "3.11.0"
"""The oldest Python that may install them: markers are kept from here on."""

PIN: Final = (
    "--universal",
    f"--python-version={FLOOR}",
    # One version for all; else two where a newer one dropped a Python that we still serve.
    "--fork-strategy=fewest",
    "--generate-hashes",
    "--no-strip-extras",
    "--no-header",
    "--quiet",
    # Without local folders and indexes: they hold a few wheels of a release, and we want all its hashes.
    "--no-config",
    # The authorities that the machine trusts, as pip has them.
    "--system-certs",
)


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
        source = Path(folder, "wanted.in")
        source.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        command = ["uv", "pip", "compile", *PIN, *options]
        # What it would print is what it writes.
        subprocess.run(
            [*command, "--output-file", str(target), str(source)],
            check=True,
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
        sys.exit(f"uv failed:\n{error.stderr.decode(errors='replace')}")
