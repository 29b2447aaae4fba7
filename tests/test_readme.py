"""What the README promises to type is what there is to type."""

import re
from pathlib import Path

import pytest

from producers.cli.main import cli
from tests.e2e.stack import cli as run
from worker.core.outcome import Outcome

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL)


def test_the_first_block_is_the_whole_command_of_the_demo() -> None:
    first = next(block for block in BLOCKS if "bulk-activate" in block)
    assert first == BLOCKS[0]
    assert first.endswith(".venv/bin/bulk-activate demo")
    assert "\n" not in first


def test_ci_runs_the_test_command_to_the_letter() -> None:
    (command,) = (block for block in BLOCKS if "pytest" in block)
    script = (ROOT / ".ci" / "run").read_text()
    assert command in script.replace("&& checks ", "")


def test_every_command_that_the_readme_names_is_there() -> None:
    named = set(re.findall(r"bulk-activate ([a-z-]+)", README))
    assert named
    assert named <= {*cli.list_commands(None)}  # type: ignore[arg-type] # The list needs no context.


def test_every_outcome_is_explained() -> None:
    assert all(f"`{outcome}`" in README for outcome in Outcome)


@pytest.mark.parametrize(
    "command",
    [name for name in cli.list_commands(None) if name != "simulator"],  # type: ignore[arg-type]
)
def test_every_command_helps_with_an_example(command: str) -> None:
    shown = run(command, "--help")
    assert shown.code == 0
    assert "Example:" in shown.out
