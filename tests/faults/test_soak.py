"""Random faults at random moments, job after job: `pytest tests/faults/test_soak.py --soak 30m`."""

import json
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.stack import new_ids, simulator
from tests.faults.faults import FAULTS, WORKERS, Explained
from tests.faults.invariant import check
from tests.faults.middlebox import middlebox
from tests.faults.scene import Scene, scene
from worker.core.duration import parse_duration

REST = 300.0
"""Seconds that a job may still take once all is mended. A job that does not end is a defect."""


@pytest.mark.timeout(0)
def test_the_report_is_true_after_any_number_of_faults(
    pytestconfig: pytest.Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = pytestconfig.getoption("soak")
    if wanted is None:
        pytest.skip("it takes a while: --soak 30m")
    seed = pytestconfig.getoption("seed")
    with (
        simulator("--fail", "0.02", "--active", "0.02", "--latency", "30") as behind,
        middlebox(behind) as box,
        scene(tmp_path, api=box, rate=40) as made,
    ):
        soak = Soak(made, seed)
        with capsys.disabled():
            soak.run(parse_duration(wanted))


class Soak:
    """The seed decides the faults, their order and their times, and the sizes of the jobs."""

    def __init__(self, made: Scene, seed: int) -> None:
        self._scene = made
        self._seed = seed
        self._sizes = random.Random(f"sizes {seed}")
        self._faults = random.Random(f"faults {seed}")
        self._struck: Counter[str] = Counter()
        self._figures: Counter[str] = Counter()

    def run(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        for _ in range(WORKERS):
            self._scene.work(2)
        try:
            while time.monotonic() < ends:
                self._job(ends)
        except BaseException as error:
            self._tell("FAILED", problem=f"{type(error).__name__}: {error}")
            raise
        self._tell("held")

    def _job(self, ends: float) -> None:
        ids = new_ids(self._sizes.randint(10_000, 60_000))
        job_id = self._scene.stack.submit(ids)
        explained = [Explained()]
        while self._scene.state(job_id) != "completed" and time.monotonic() < ends:
            time.sleep(self._faults.uniform(0.5, 5))
            explained.append(self._strike())
        twice = sum(fault.sent_again for fault in explained)
        confused = sum(fault.forgotten for fault in explained)
        for name, its_ids in {job_id: ids, **self._scene.side_jobs}.items():
            self._scene.rests(name, REST)
            found = check(self._scene, name, its_ids, twice=twice, confused=confused)
            self._figures.update(found, jobs=1, ids=len(its_ids))
        self._figures.update(explained_again=twice, explained_confused=confused)
        self._scene.side_jobs.clear()
        self._tell("so far")

    def _strike(self) -> Explained:
        # A worker that finds no Redis at its start ends, and says so: that is for its supervisor.
        self._scene.all_ready()
        fault = self._faults.choice(FAULTS)
        self._struck[fault.__name__] += 1
        explained = fault(self._scene, random.Random(self._faults.random()))
        dead = [worker.pid for worker in self._scene.workers if worker.poll() is not None]
        assert dead == [], f"a worker ended by itself after {fault.__name__}"
        return explained

    def _tell(self, result: str, **more: str) -> None:
        figures = {"seed": self._seed, "faults": self._struck.total(), "kinds": dict(self._struck)}
        print(json.dumps({"soak": result, **figures, **self._figures, **more}), flush=True)  # noqa: T201
