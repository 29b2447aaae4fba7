"""A list is looked at before anything is done with it: no Redis, no credential, nothing stored."""

import hashlib
import shlex
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
    ids = new_ids(13)
    path.write_text("\n".join(["a b"] * 12 + ids))
    done = plan(str(path))
    assert done.code == 0
    assert "12 (never sent)" in done.out
    assert done.out.count("a space") == 10
    assert "and 2 more" in done.out
    assert f"{ids[0][:4]}…{ids[0][-4:]}, {ids[-1][:4]}…{ids[-1][-4:]}\n" in done.out
    assert ids[0][:6] not in done.out + done.err
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert f"submit '{path}' --plan {sha256}:lines\n" in done.err
    assert f"bulk-activate run '{path}'\n" in done.err


def test_a_plan_of_a_list_malformed_for_the_most_part_is_refused_unless_allowed(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("\n".join([f"{id_}\tBob" for id_ in new_ids(3)] + new_ids(2)))
    done = plan(str(path))
    assert (done.code, done.out) == (2, "")
    assert "3 of 5 lines are malformed" in done.err
    assert "--format tsv" in done.err
    allowed = plan(str(path), "--allow-malformed")
    assert allowed.code == 0
    assert f"submit {path} --allow-malformed --plan " in allowed.err


def test_a_likely_mistake_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "jq.txt"
    path.write_text("\n".join(f'"{id_}"' for id_ in new_ids(3)))
    done = plan(str(path))
    assert done.code == 0
    assert "Warning: most ids begin or end with a quote" in done.err
    assert "Next: look at the warning first; if the list is right as it is, bulk-activate submit" in done.err
    assert "--format ndjson" in plan(str(path), "-o", "json").json()["warnings"][0]


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


def test_the_next_command_submits_what_was_planned_and_refuses_another_reading(stack: Stack) -> None:
    path = stack.home / "my tokens"
    path.write_text("key;Token ID\n" + "\n".join(f"{number};{id_}" for number, id_ in enumerate(new_ids(9))))
    options = ["--delimiter", ";", "--column", "Token ID", "--strict"]
    told = plan(str(path), *options).err
    command = shlex.split(told.partition("Next: bulk-activate ")[2])
    assert command[2:-2] == ["--column", "Token ID", "--delimiter", ";", "--strict"]
    done = stack.cli(*command, "--org", ORG, "--request-id", "once")
    assert done.code == 0, done.err
    assert "First id " in done.err
    other = [*command[:2], "--delimiter", ";", "--column", "key", *command[-2:]]
    refused = stack.cli(*other, "--org", ORG)
    assert (refused.code, refused.out) == (2, "")
    assert (
        "planned as csv,column=Token%20ID,delimiter=%3B and would now be read as csv,column=key"
        in refused.err
    )
    # The same name for the same bytes, read in another way.
    taken = stack.cli(*other[:-2], "--org", ORG, "--request-id", "once")
    assert (taken.code, taken.out) == (2, "")
    assert done.out.strip() in taken.err
    assert stack.cli(*command, "--org", ORG, "--request-id", "once").out == done.out
    assert len(stack.cli("list", "-o", "json").json()) == 1


def test_a_list_malformed_for_the_most_part_makes_no_job(stack: Stack) -> None:
    lines = "\n".join(["not an id"] * 3 + new_ids(2))
    refused = stack.cli("submit", "-", "--org", ORG, given=lines)
    assert (refused.code, refused.out) == (2, "")
    assert stack.cli("list", "-o", "json").json() == []
    allowed = stack.cli("submit", "-", "--org", ORG, "--allow-malformed", given=lines)
    assert stack.report(allowed.out.strip())["manifest"]["malformed"] == 3
