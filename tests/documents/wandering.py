"""Every move of a job, a slice and a claim that the model of the store makes, found by wandering through it.

The model is held to the real store by `tests/model`.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.documents.states import Moves
from tests.model.world import LIVE, LOST, RAN_OUT, Job, World
from worker.core.job import AT_REST, Control, State
from worker.store.claims import ClaimEnd

WALKS: Final = 12
STEPS: Final = 1000
IDS: Final = 2
"""Ids in a slice."""
MANY: Final = 10
"""Slices, of which not all may wait at once."""

Claim = tuple[str, int, int]
"""Job, slice, number."""


@dataclass
class Wanderer:
    """A job after the other, to which one thing after the other happens by chance."""

    chance: Random
    jobs: Moves = field(default_factory=set)
    slices: Moves = field(default_factory=set)
    claims: Moves = field(default_factory=set)
    world: World = field(default_factory=World)
    made: int = 0
    commits: dict[Claim, int] = field(default_factory=dict)

    def walk(self) -> None:
        acts = [self.claim, self.commit, self.launch, self.sweep, self.time_passes, self.steer, self.purge]
        for act in self.chance.choices(acts, weights=[9, 12, 2, 3, 3, 2, 2], k=STEPS):
            if not self.world.jobs:
                self.create()
            before = self._slices(), self._claims()
            ((job_id, job),) = self.world.jobs.items()
            act(job_id, job)
            self._note(*before)

    def create(self) -> None:
        self.made += 1
        self.commits.clear()
        sizes = (IDS,) * self.chance.choice([0, 1, 1, MANY])
        job = Job(None, None, sizes, self.chance.choice([None, None, 0]), None)
        self.world.create(f"job-{self.made}", job, "list", fresh=False)

    def launch(self, job_id: str, _job: Job) -> None:
        self.world.launch(job_id)

    def claim(self, job_id: str, job: Job) -> None:
        if not job.parts:
            return
        number = self.chance.choice([*job.claimed, *job.waiting, job.next])
        code, *rest = self.world.claim(job_id, number, str(self.chance.random()), isolated_process=True)
        if code == "CLAIMED":
            self.commits[job_id, number, int(str(rest[0]))] = 0

    def commit(self, _job_id: str, _job: Job) -> None:
        if not self.commits:
            return
        claim = self.chance.choice(list(self.commits)[-3:])
        self.commits[claim] += 1
        codes = {index: self.chance.choice("AAFU?") for index in range(IDS) if self.chance.random() < 0.8}
        end = self.chance.choice([ClaimEnd.KEEP, *ClaimEnd])
        self.world.commit(*claim, self.commits[claim], self.chance.randint(0, IDS), codes, end.value)

    def sweep(self, job_id: str, _job: Job) -> None:
        self.world.sweep(job_id)

    def time_passes(self, _job_id: str, job: Job) -> None:
        what = self.chance.choice(["lease", "message", "deadline"])
        if what == "lease" and job.claimed:
            job.claimed[self.chance.choice(list(job.claimed))] = RAN_OUT
        elif what == "message" and job.waiting:
            job.waiting[self.chance.choice(list(job.waiting))] = LOST
        elif what == "deadline":
            job.late = self.chance.random() < 0.1

    def steer(self, job_id: str, _job: Job) -> None:
        self.world.control(job_id, self.chance.choice([Control.RESUME, *Control]))

    def purge(self, job_id: str, _job: Job) -> None:
        self.world.purge(job_id, MANY)

    def _slices(self) -> dict[tuple[str, int], str]:
        return {
            (job_id, number): _place(job, number)
            for job_id, job in self.world.jobs.items()
            for number in range(len(job.parts))
        }

    def _claims(self) -> dict[Claim, str]:
        return {
            (job_id, number, job.parts[number].claim): "live" if lease is LIVE else "ran_out"
            for job_id, job in self.world.jobs.items()
            for number, lease in job.claimed.items()
        }

    def _note(self, slices: dict[tuple[str, int], str], claims: dict[Claim, str]) -> None:
        for job in self.world.jobs.values():
            self.jobs |= set(zip([State.PREPARING, *job.history], job.history, strict=False))
        now = self._slices()
        self.slices |= {(was, now[key]) for key, was in slices.items() if now.get(key, was) != was}
        held = self._claims()
        for claim, was in claims.items():
            if claim[0] in self.world.jobs:
                is_now = held.get(claim) or _end(self.world.jobs[claim[0]], claim)
                self.claims |= {(was, is_now)} - {(was, was)}


def _place(job: Job, number: int) -> str:
    if job.state in AT_REST:
        return "at_rest"
    if job.parts[number].done:
        return "done"
    if number in job.claimed:
        return "claimed"
    return "waiting" if number in job.waiting else "unqueued"


def _end(job: Job, claim: Claim) -> str:
    """What became of a claim that is not held any more."""
    if job.state in AT_REST:
        return "at_rest"
    return "given_back" if job.parts[claim[1]].claim == claim[2] else "fenced"


def wander() -> Wanderer:
    """All that is found on some walks, the same ones each time."""
    found = Wanderer(Random(0))
    for seed in range(WALKS):
        walker = Wanderer(Random(seed))
        walker.walk()
        found.jobs |= walker.jobs
        found.slices |= walker.slices
        found.claims |= walker.claims
    return found
