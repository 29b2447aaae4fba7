"""The core takes time, chance and I/O as arguments: none of its modules reaches for them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import worker.core

FORBIDDEN = {
    "aiohttp",
    "asyncio",
    "celery",
    "http.client",
    "logging",
    "os",
    "pathlib",
    "producers",
    "random",
    "redis",
    "secrets",
    "socket",
    "structlog",
    "subprocess",
    "threading",
    "time",
}
CLOCKS = {"now", "utcnow", "today"}
INPUT_AND_OUTPUT = {"open", "print", "input", "exec", "eval", "__import__"}
MODULES = sorted(Path(worker.core.__path__[0]).glob("**/*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides its package"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield f".{node.func.attr}"
            elif isinstance(node.func, ast.Name):
                yield node.func.id


def faults(source: str) -> set[str]:
    """What of `source` has no place in the core."""
    tree = ast.parse(source)
    imports = {
        name
        for name in imported(tree)
        if any(name == taboo or name.startswith(f"{taboo}.") for taboo in FORBIDDEN)
        or (name.startswith("worker") and not name.startswith("worker.core"))
    }
    calls = {name for name in called(tree) if name.removeprefix(".") in CLOCKS or name in INPUT_AND_OUTPUT}
    return imports | calls


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_of_the_core_reaches_for_no_clock_chance_or_io(module: Path) -> None:
    assert faults(module.read_text(encoding="utf-8")) == set()


def test_the_core_was_found() -> None:
    assert {"answer.py", "policy.py", "report.py"} <= {module.name for module in MODULES}


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import time", "time"),
        ("import os.path", "os.path"),
        ("from random import random", "random"),
        ("def f():\n    import asyncio as a", "asyncio"),
        ("from redis import asyncio", "redis"),
        ("from worker.store import keys", "worker.store"),
        ("from worker import settings", "worker.settings"),
        ("datetime.now(UTC)", ".now"),
        ("datetime.datetime.utcnow()", ".utcnow"),
        ("date.today()", ".today"),
        ("open('x')", "open"),
    ],
)
def test_the_check_finds(source: str, fault: str) -> None:
    assert fault in faults(source)


@pytest.mark.parametrize(
    "source",
    ["from http import HTTPStatus", "import re", "from worker.core import ids", "f(now)", "x.opened()"],
)
def test_the_check_lets_pass(source: str) -> None:
    assert faults(source) == set()
