"""Checks what must be true of a job at its end, whatever faults it met."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.faults.scene import Scene


def check(scene: Scene, job_id: str, ids: list[str], *, twice: int = 0, confused: int = 0) -> dict[str, int]:
    """Asserts that the job is completed, or cancelled if ordered; that every id has one outcome and counts
    sum; that the record agrees with the API's; and that `verify` succeeds.

    `twice`: repeated sendings of ids that the faults explain. `confused`: ids that may be reported as already
    active although this job activated them, since Redis lost their records. Returns the actual numbers of
    both.
    """
    report = scene.stack.report(job_id)
    assert report["state"] in scene.ends(job_id), report["state"]
    assert report["balanced"]
    assert report["counts"]["total"] == len(ids)
    rows = scene.stack.rows(job_id)
    assert [row["id"] for row in rows] == ids
    counted = Counter(row["outcome"] for row in rows)
    assert {name: count for name, count in report["counts"].items() if count and name != "total"} == counted
    verified = scene.stack.cli("verify", job_id)
    assert verified.code == 0, verified.err
    world = scene.api.world()
    if report["state"] == "cancelled":
        # Ids reported as not attempted reached no token.
        left = {row["id"] for row in rows if row["outcome"] == "not_attempted"}
        assert sum(world[token_id]["admitted"] > 0 for token_id in left & world.keys()) <= confused
        # Ids whose worker died are reported as unknown.
        rows = [row for row in rows if row["outcome"] not in {"not_attempted", "unknown"}]
        ids = [row["id"] for row in rows]
    contradicted = Counter(filter(None, (contradiction(row, world[row["id"]]) for row in rows)))
    mistaken = contradicted.pop("already active, activated by us", 0)
    assert not contradicted, examples(rows, world)
    assert mistaken <= confused, f"{mistaken} ids are confused, at most {confused} may be"
    # A request answered 429 reached no token.
    again = sum(world[token_id]["admitted"] - 1 for token_id in ids)
    assert again <= twice, f"{again} ids were sent again, at most {twice} may be"
    assert all(world[token_id]["activations"] <= 1 for token_id in ids)
    return {"sent_again": again, "confused": mistaken}


def examples(rows: list[dict[str, Any]], world: Mapping[str, Any]) -> list[Any]:
    """Some rows that contradict the API's record, with that record."""
    found = [(row, world[row["id"]]) for row in rows if contradiction(row, world[row["id"]])]
    return found[:5]


def contradiction(row: Mapping[str, Any], entry: Mapping[str, Any]) -> str | None:
    """How the API's record of an id contradicts its row in the results; None if it does not."""
    outcome = row["outcome"]
    if not entry["active"]:
        return None if outcome == "failed" else f"not active, {outcome}"
    if outcome not in {"activated", "already_active"}:
        return f"active, {outcome}"
    if outcome == "already_active":
        return None if entry["was_active"] else "already active, activated by us"
    # A dead worker may have marked the id without sending it; the reason of the row says so.
    if entry["was_active"] and row["reason"] != "RESOLVED_BY_REPEAT":
        return "was active, activated"
    return None
