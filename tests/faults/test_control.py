"""`pause`, `resume` and `cancel` act within two seconds on every worker, by the API's record of requests."""

import time
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.stack import new_ids, until
from tests.faults.recorded import Recorded, recorded
from tests.faults.scene import Scene, scene
from worker.core.batches.slices import IDS

WITHIN: Final = 2.0
"""Seconds: the contract."""

WORKERS: Final = 3


def ordered(made: Scene, command: str, job_id: str) -> float:
    """Gives the order twice, the second of which has nothing to do; the moment when the first returned."""
    done = made.stack.cli(command, job_id)
    moment = time.monotonic()
    again = made.stack.cli(command, job_id)
    assert (done.code, again.code) == (0, 0), done.err + again.err
    assert again.err.rstrip().endswith(" already")
    return moment


def is_silent(made: Scene, api: Recorded, since: float, rounds: int = 3) -> None:
    """Nobody began a request later than `WITHIN` after `since`, as far as was waited."""
    made.rounds(rounds)
    assert time.monotonic() > since + WITHIN, "it was not waited for long enough to tell"
    assert [each.at - since for each in api.after(since + WITHIN)] == []


def all_send(api: Recorded, since: float, within: float = WITHIN) -> None:
    """Every worker sends again, and soon."""
    until(lambda: len(api.first(since)) == WORKERS)
    late = {who: at - since for who, at in api.first(since).items() if at > since + within}
    assert late == {}


def cancelled_in(made: Scene, job_id: str) -> float:
    """Seconds from the order to its end, by the store's clock: no process of ours starts in between."""
    at = {
        change["to"]: datetime.fromisoformat(change["at"]) for change in made.stack.report(job_id)["history"]
    }
    return (at["cancelled"] - at["cancelling"]).total_seconds()


def is_refused(made: Scene, command: str, job_id: str, state: str) -> None:
    done = made.stack.cli(command, job_id)
    assert (done.code, state in done.err) == (2, True), done.err


def test_orders_act_within_two_seconds_on_every_worker_again_and_again(tmp_path: Path) -> None:
    with recorded(latency=20, fail=0.02) as api, scene(tmp_path, rate=60, api=api) as made:
        job_id = made.stack.submit(new_ids(16 * IDS))
        is_refused(made, "purge", job_id, "queued")
        # Its slices wait in the queue, and nobody has looked at one.
        ordered(made, "pause", job_id)
        made.crew(WORKERS)
        made.rounds(2)
        assert api.sent == []
        all_send(api, ordered(made, "resume", job_id))
        is_silent(made, api, ordered(made, "pause", job_id))
        all_send(api, ordered(made, "resume", job_id))
        # Before everybody has heard of the first.
        made.stack.cli("pause", job_id)
        all_send(api, ordered(made, "resume", job_id))
        moment = ordered(made, "cancel", job_id)
        until(lambda: made.state(job_id) == "cancelled")
        is_silent(made, api, moment)
        for command in ("pause", "resume"):
            is_refused(made, command, job_id, "cancelled")
        report = made.stack.report(job_id)
        assert report["requests"]["sent"] == len(api.sent)
        assert (
            report["counts"]["ambiguous"] == report["counts"]["pending"] == report["counts"]["unknown"] == 0
        )
        assert made.stack.cli("verify", job_id).code == 0


@pytest.mark.parametrize("seconds", [3, 6])
def test_orders_act_while_a_429_holds_everybody(tmp_path: Path, seconds: int) -> None:
    """A short hold is waited for in the claim, in a long one the slices are back in the queue."""

    def hold(made: Scene) -> None:
        refused = api.stats()["by_status"].get("429", 0)
        api.control(rate=0.1, burst=1)
        until(lambda: api.stats()["by_status"].get("429", 0) > refused)
        api.control(rate=0, burst=None)

    with (
        recorded(latency=20, retry_after=str(seconds)) as api,
        scene(tmp_path, rate=60, api=api) as made,
    ):
        made.crew(WORKERS)
        job_id = made.stack.submit(new_ids(16 * IDS))
        all_send(api, time.monotonic(), within=WITHIN * 5)
        hold(made)
        is_silent(made, api, ordered(made, "pause", job_id), rounds=seconds + 1)
        all_send(api, ordered(made, "resume", job_id))
        hold(made)
        ordered(made, "pause", job_id)
        resumed = ordered(made, "resume", job_id)
        all_send(api, resumed, within=seconds + WITHIN)
        hold(made)
        moment = ordered(made, "cancel", job_id)
        until(lambda: made.state(job_id) == "cancelled")
        assert cancelled_in(made, job_id) < WITHIN
        is_silent(made, api, moment)
        assert made.stack.report(job_id)["requests"]["sent"] == len(api.sent)
        assert made.stack.cli("verify", job_id).code == 0
