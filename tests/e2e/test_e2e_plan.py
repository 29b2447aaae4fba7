"""A list is looked at before anything is done with it: no Redis, no credential, nothing stored."""

import hashlib
from pathlib import Path

import pytest

from tests.e2e.stack import ORG, Done, Stack, cli, new_ids

NOWHERE = "redis://127.0.0.1:1/0"


def plan(*arguments: str, given: str | None = None, **settings: str) -> Done:
    return cli("plan", *arguments, given=given, REDIS_URL=NOWHERE, **settings)


def test_a_plan_says_what_the_list_holds_and_how_long_it_takes(tmp_path: Path) -> None:
    ids = new_ids(46)
    path = tmp_path / "ids.txt"
    path.write_text("\n".join([*ids, ids[0], "not an id", "x" * 300]))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    done = plan(str(path), "-o", "json", RATE="2")
    assert done.code == 0, done.err
    found = done.json()
    assert found["manifest"] == {"sha256": sha256, "lines": 49, "unique": 46, "duplicates": 1, "malformed": 2}
    assert found["requests"] == 4
    assert found["seconds"]["low"] == 2.0 < found["seconds"]["high"]
    assert [bad["line"] for bad in found["malformed_lines"]] == [48, 49]
    faster = plan(str(path), "-o", "json", "--rate", "4", RATE="2").json()
    assert faster["seconds"]["low"] == 1.0
    learned = plan(str(path), "-o", "json", RATE_START="1", RATE_MAX="8").json()
    assert learned["seconds"]["low"] == 0.5
    assert learned["seconds"]["high"] > 4


def test_a_plan_for_people_ends_with_the_next_command(tmp_path: Path) -> None:
    path = tmp_path / "my ids.txt"
    path.write_text("\n".join(["a b"] * 12 + new_ids(3)))
    done = plan(str(path))
    assert done.code == 0
    assert "12 (never sent)" in done.out
    assert done.out.count("white space") == 10
    assert "and 2 more" in done.out
    assert f"submit '{path}' --plan {hashlib.sha256(path.read_bytes()).hexdigest()}" in done.err


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        ("a b", ["--strict"], "line 1"),
        ("Zz9_" * 16, [], "--allow-token-like-ids"),
        ("x", ["--rate", "fast"], "--rate"),
        ("x", ["--column", "2", "--format", "lines"], "--column"),
    ],
    ids=["strict", "token values", "rate", "column"],
)
def test_a_plan_refuses_what_a_submit_would(given: str, options: list[str], words: str) -> None:
    done = plan("-", *options, given=given)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert given not in done.err or given == "x"


def test_a_planned_list_is_submitted_and_a_changed_one_is_not(stack: Stack) -> None:
    ids = "\n".join(new_ids(20))
    sha256 = plan("-", "-o", "json", given=ids).json()["manifest"]["sha256"]
    assert stack.cli("submit", "-", "--org", ORG, "--plan", sha256.upper(), given=ids).code == 0
    changed = stack.cli("submit", "-", "--org", ORG, "--plan", sha256, given=ids + "\none-more")
    assert (changed.code, changed.out) == (2, "")
    assert len(stack.cli("list", "-o", "json").json()) == 1
