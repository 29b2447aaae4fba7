"""The benchmark itself, in the small: that it starts what it measures, ends, and counts what was sent."""

import threading

from tests.benchmarks.cases import CASES
from tests.benchmarks.commands import pacing, watch
from tests.benchmarks.options import Options
from tests.benchmarks.ours import wait
from tests.benchmarks.pacing import read_options, table
from tests.benchmarks.peers.runs import script
from tests.limits.started import limited_api
from tests.servers import RealServer
from worker.store.connect import sync_client
from worker.store.script_calls import BudgetScript, source


def test_a_known_rate_is_measured_over_every_batch_of_the_job() -> None:
    (row,) = CASES["known"](Options(runs=1, seconds=1.0, rates=(50,), processes=(1,)))
    assert (row["rate"], row["processes"], row["runs"]) == (50, 1, 1)
    assert row["share, lowest"] == row["share, median"] > 0
    assert row["unfinished"] == 0
    # All 50, but for what a slow machine spread over more than a second.
    assert 1 < row["fullest second"] <= 50
    assert len(table("known", [row]).columns) == len(row)


def test_a_peer_works_until_every_batch_is_admitted() -> None:
    with limited_api("bucket", rate=500, burst=100) as api:
        with script("cookbook")(api.url, 100, 200.0):
            assert wait(lambda: api.admitted() == 100, 60.0)
        assert api.stats()["by_status"] == {"200": 100}


def test_commands_for_pacing_are_told_from_others(valkey: RealServer) -> None:
    with sync_client(valkey.server.url) as client, sync_client(valkey.server.url) as other:
        order = other.register_script(source(BudgetScript.SET_RATE))
        order(keys=["bulk:budget:host:counted"], args=["default"])
        over = threading.Event()

        def work() -> None:
            while not over.is_set():
                order(keys=["bulk:budget:host:counted"], args=["default"])
                other.set("another", "thing")

        worker = threading.Thread(target=work)
        worker.start()
        try:
            counted = watch(client, 0.2)
        finally:
            over.set()
            worker.join()
    assert pacing(counted) == counted["bulk:budget:set_rate"] > 0
    # Each order is followed by a set, and what the script does inside is not counted.
    assert abs(counted["set"] - counted["bulk:budget:set_rate"]) <= 1
    assert set(counted) <= {"bulk:budget:set_rate", "set"}


def test_options_choose_cases_and_their_size() -> None:
    cases, options, as_json = read_options(["known", "steps", "--rates", "5,7", "--runs", "2", "--json"])
    assert (cases, options, as_json) == (["known", "steps"], Options(runs=2, rates=(5, 7)), True)
    assert read_options(["all"]) == (list(CASES), Options(), False)
