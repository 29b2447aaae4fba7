"""Keys of a running job are deleted by hand: it fails and says so, and the job beside it is unharmed."""

from pathlib import Path

import pytest

from tests.e2e.stack import new_ids, until
from tests.faults.invariant import check, contradiction
from tests.faults.scene import scene
from worker.store import keys


@pytest.mark.parametrize("part", ["out:0", "slice:0", "claimed"])
def test_a_job_whose_keys_are_deleted_fails_and_guesses_nothing(tmp_path: Path, part: str) -> None:
    with scene(tmp_path, "--fail", "0.05", "--active", "0.05", rate=60) as made:
        broken_ids, whole_ids = new_ids(15 * 100), new_ids(15 * 60)
        broken, whole = made.stack.submit(broken_ids), made.stack.submit(whole_ids)
        worker = made.work()
        until(lambda: made.stack.report(broken)["counts"]["activated"] > 0)
        with made.client() as client:
            assert client.delete(keys.job(broken, part)) == 1
        until(lambda: made.state(broken) == "failed")
        report = made.stack.report(broken)
        assert report["state_reason"]["code"] == "record_lost"
        assert sum(report["counts"].values()) == 2 * len(broken_ids)
        assert made.stack.cli("verify", broken).code == 0
        world = made.api.world()
        for row in made.stack.rows(broken):
            sent = world.get(row["id"])
            # What is not known any more is unknown; what is called not attempted never was.
            assert row["outcome"] == "unknown" or (
                not sent if row["outcome"] == "not_attempted" else not contradiction(row, sent or {})
            ), row
        made.end(whole)
        check(made, whole, whole_ids)
        assert worker.poll() is None
