"""The simulator is the API's side: it shares nothing with the client's."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.simulator.simulators import ROOT
from worker.simulator.__main__ import command
from worker.simulator.faults import FAULTS

SIMULATOR = ROOT / "worker" / "simulator"
FOREIGN = {"aiohttp", "click", "msgspec"}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides where it leads"
            yield node.module or ""


@pytest.mark.parametrize("path", sorted(SIMULATOR.rglob("*.py")), ids=lambda path: path.name)
def test_it_imports_only_itself_and_what_is_nobodys(path: Path) -> None:
    for name in imported(path):
        assert name.startswith("worker.simulator.") or name.partition(".")[0] in {
            *FOREIGN,
            *sys.stdlib_module_names,
        }


@pytest.mark.parametrize("side", ["api", "core", "engine", "store"])
def test_the_client_does_not_import_it(side: str) -> None:
    names = [name for path in (ROOT / "worker" / side).rglob("*.py") for name in imported(path)]
    assert not [name for name in names if name.startswith("worker.simulator")]


def test_its_command_can_be_mounted_without_loading_a_server() -> None:
    code = "import sys, worker.simulator.__main__; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
    group = click.Group(commands=[command])
    assert group.commands["simulator"] is command


def test_every_fault_is_an_option_of_the_command() -> None:
    names = {parameter.name for parameter in command.params}
    assert {fault.name for fault in FAULTS} <= names
