"""The threat model claims nothing that no test holds."""

import ast
import re
from pathlib import Path

import pytest

CLAIM = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@pytest.fixture(scope="module")
def model(root: Path) -> str:
    return (root / ".github" / "SECURITY.md").read_text(encoding="utf-8")


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_it_names_is_there(root: Path, model: str) -> None:
    named = CLAIM.findall(model)
    assert len(named) > 20
    for file, name in named:
        assert (root / file).is_file(), file
        assert name in functions_of(root / file), f"{file}::{name}"


def test_every_claim_names_a_test(model: str) -> None:
    claims = re.search(r"^## Who there is.*?(?=^## Not yet)", model, re.MULTILINE | re.DOTALL)
    assert claims is not None
    for claim in re.findall(r"^- (.*)$", claims[0], re.MULTILINE):
        assert CLAIM.search(claim), claim


@pytest.mark.parametrize(
    "role",
    [
        *("The API", "worker's host", "write to Redis", "Flower", "operator's shell", "results folder"),
        *("HTTP API", "browser"),
    ],
)
def test_every_role_has_its_part(model: str, role: str) -> None:
    assert any(role in heading for heading in re.findall(r"^### (.*)$", model, re.MULTILINE))
