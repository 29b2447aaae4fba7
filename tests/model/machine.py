"""Histories of jobs that no one thought of: acts of several clients, alone and at once, on a real store.

Every answer and everything stored must be what the model gives, for acts at once in one order of them.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from copy import deepcopy
from itertools import count, pairwise, permutations
from random import Random
from typing import ClassVar, Final

import redis
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.model.acts import Act, Commit, Create, Launch, Purge, Steer, Stores, Sweep, Take, names
from tests.model.snapshot import check_by_itself, keys_left, of_model, of_store
from tests.model.world import LIVE, LOST, MOVING, RAN_OUT, Answer, Job, World
from tests.store.job_setup import HOST, ORG
from worker.core.batches.record import Stored
from worker.core.batches.slices import Slice
from worker.core.job import AT_REST, Control, State
from worker.reports.recount import recount
from worker.store import keys
from worker.store.claims import Claim, ClaimEnd

SEED: Final = st.integers(0, 2**32)
"""Hypothesis chooses what happens; which of the jobs there are it happens to, a seed does: the answers to
acts at once differ from run to run, and what is drawn may not depend on them."""

KINDS: Final = (
    *(
        "submit",
        "launch",
        "launch",
        *["take"] * 6,
        *["commit"] * 10,
        *["sweep", "steer", "repeat"] * 2,
        "purge",
    ),
    *(*["lease_runs_out"] * 4, *["message_is_lost"] * 2, "deadline_passes", "hold_begins_or_ends"),
)
MAX_JOBS: Final = 4
RARELY: Final = 0.2
FAR: Final = "4102444800000000"
"""Microseconds: the end of a hold that none of this outlasts."""


class StoreMachine(RuleBasedStateMachine):
    answers: ClassVar[Counter[str]] = Counter()
    """Over all histories: what they came across."""
    client: ClassVar[redis.Redis]
    stores: ClassVar[list[Stores]]
    wait: ClassVar[Callable[[Awaitable[list[Answer]]], list[Answer]]]

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.world = World()
        self.handles: list[tuple[Claim, int, int]] = []
        """Claims that a worker was given, lost ones too, with the number and the mark of its last commit."""
        self.done: list[Act] = []
        self.new = count()
        self.broken = False
        self.final: dict[tuple[str, int, int], str] = {}
        self.rested: dict[str, object] = {}

    @initialize(seed=SEED)
    def first(self, seed: int) -> None:
        chance = Random(seed)
        for act in (self._submit, self._launch):
            self._do([found for found in [act(chance)] if found is not None])

    # What clients do.

    @rule(picks=st.lists(st.tuples(st.sampled_from(KINDS), SEED), min_size=1, max_size=3))
    def act(self, picks: list[tuple[str, int]]) -> None:
        """Some things, all at once."""
        acts = [act for kind, seed in picks for act in self._chosen(kind, Random(seed))]
        if acts:
            self._do(acts[: len(self.stores)])

    def _chosen(self, kind: str, chance: Random) -> list[Act]:
        """Some are done, or sent, by several at once."""
        act = getattr(self, f"_{kind}")(chance)
        times = chance.choice([1, 2, 3]) if kind in {"sweep", "repeat"} else 1
        return [] if act is None else [act] * times

    def _repeat(self, chance: Random) -> Act | None:
        """What is sent again, since its answer was lost."""
        act = chance.choice(self.done[-4:] or [None])
        # A job's name is made anew for each, so that none comes back after its job was removed.
        return None if isinstance(act, Create) and act.job_id not in self.world.jobs else act

    # What time does: at once, and to nobody's knowledge.

    def _lease_runs_out(self, chance: Random) -> None:
        places = [
            (job_id, number)
            for job_id, job in self.world.jobs.items()
            for number, lease in job.claimed.items()
            if lease is LIVE
        ]
        if places:
            self._run_out(*chance.choice(places))

    def _message_is_lost(self, chance: Random) -> None:
        places = [
            (job_id, number) for job_id, job in self.world.jobs.items() for number in sorted(job.waiting)
        ]
        if places:
            self._lose(*chance.choice(places))

    def _deadline_passes(self, chance: Random) -> None:
        if chance.random() < RARELY and (job_id := self._job(chance, *MOVING, *AT_REST)):
            self.client.hset(keys.job(job_id), "deadline_ms", 1)
            self.world.jobs[job_id].late = True
            self.rested.pop(job_id, None)

    def _hold_begins_or_ends(self, chance: Random) -> None:
        if self.world.held or chance.random() < RARELY:
            self._hold(not self.world.held)

    # How each is chosen. None where there is nothing to do it to.

    def _job(self, chance: Random, *states: State) -> str | None:
        found = [job_id for job_id, job in self.world.jobs.items() if not states or job.state in states]
        moving = [job_id for job_id in found if self.world.jobs[job_id].workable]
        return chance.choice(moving if moving and chance.random() > RARELY else found) if found else None

    def _submit(self, chance: Random) -> Act | None:
        if len(self.world.jobs) >= MAX_JOBS:
            return None
        small, many = chance.randint(0, 3), chance.randint(9, 12)
        sizes = [chance.randint(1, 40)] * small if chance.random() < 0.7 else [chance.randint(1, 3)] * many
        job = Job(
            request=chance.choice([None, "one", "two"]),
            root=self._job(chance, *AT_REST) if chance.random() < 0.5 else None,
            sizes=tuple(sizes),
            max_failures=chance.choice([None, None, None, 0, 5]),
            max_ratio=chance.choice([None, None, 0.5]),
        )
        fingerprint = chance.choice(["list", "list", "other"])
        return Create(f"job-{next(self.new)}", job, fingerprint, chance.random() < 0.5)

    def _launch(self, chance: Random) -> Act | None:
        job_id = self._job(chance, State.PREPARING)
        if job_id is None:
            return None
        act = Launch(job_id, self.world.jobs[job_id].sizes)
        act.upload(self.stores[0].jobs)
        return act

    def _take(self, chance: Random) -> Act | None:
        job_id = self._job(chance)
        if job_id is None:
            return None
        # There are messages for those only that were queued once; old ones come too.
        job = self.world.jobs[job_id]
        dead = [number for number, lease in job.claimed.items() if lease is RAN_OUT]
        waiting = sorted(job.waiting) if chance.random() > RARELY else []
        number = chance.choice(dead or waiting or range(job.next + 1))
        known = [act.nonce for act in self.done if isinstance(act, Take)][-3:]
        return Take(job_id, number, chance.choice([f"n{next(self.new)}", *known]), chance.random() < RARELY)

    def _commit(self, chance: Random) -> Act | None:
        if not self.handles:
            return None
        places = range(max(0, len(self.handles) - 6), len(self.handles))
        held = [place for place in places if self._is_held(self.handles[place][0])]
        place = chance.choice(held if held and chance.random() > RARELY else places)
        claim, seq, mark = self.handles[place]
        size = len(claim.part.ids)
        mark = chance.choice([mark, chance.randint(mark, size)])
        self.handles[place] = (claim, seq + 1, mark)
        first = chance.choice([0, chance.randrange(size)])
        upto = chance.choice([size, first, *[chance.randint(first, size)] * 2])
        codes = chance.choice(["A", "AAAaFU?"])
        # Whole batches where it can be, and what is left apart.
        cuts = [first, *range(first // 15 * 15 + 15, upto, 15), upto]
        batches = tuple(
            (at, "".join(chance.choices(codes, k=to - at))) for at, to in pairwise(cuts) if to > at
        )
        end = chance.choice([*[ClaimEnd.KEEP] * 5, *ClaimEnd])
        return Commit(claim, seq + 1, mark, batches, end)

    def _is_held(self, claim: Claim) -> bool:
        job = self.world.jobs.get(claim.job_id)
        return (
            job is not None
            and claim.slice_no in job.claimed
            and job.parts[claim.slice_no].claim == claim.number
        )

    def _sweep(self, chance: Random) -> Act | None:
        job_id = self._job(chance)
        return None if job_id is None else Sweep(job_id)

    def _steer(self, chance: Random) -> Act | None:
        job_id = self._job(chance)
        return (
            None
            if job_id is None
            else Steer(job_id, chance.choice([Control.PAUSE, *[Control.RESUME] * 3, *Control]))
        )

    def _purge(self, chance: Random) -> Act | None:
        begun = sorted(self.world.purging)
        job_id = chance.choice(begun) if begun else self._job(chance)
        return None if job_id is None else Purge(job_id, chance.choice([1, 2, 100]))

    # How it is held against the model.

    def _do(self, acts: list[Act]) -> list[Answer]:
        async def at_once() -> list[Answer]:
            clients = zip(acts, self.stores, strict=False)
            return await asyncio.gather(*(act.send(stores) for act, stores in clients))

        answers = type(self).wait(at_once())
        for act, answer in zip(acts, answers, strict=True):
            note(f"{act} -> {answer}")
            self.answers[f"{type(act).__name__} {answer[0]}"] += 1
        self.done += acts
        self._in_some_order(acts, answers)
        for act, answer in zip(acts, answers, strict=True):
            if isinstance(act, Take) and answer[0] == "CLAIMED":
                self._given(act, answer)
        self._check()
        return answers

    def _in_some_order(self, acts: list[Act], answers: list[Answer]) -> None:
        told = []
        for order in permutations(range(len(acts))):
            world = deepcopy(self.world)
            said = {place: acts[place].tell(world) for place in order}
            if [said[place] for place in range(len(acts))] == answers:
                expected, found = of_model(world), of_store(self.client, world)
                if expected == found:
                    self.world = world
                    return
                told.append(f"stored {found}\n   not {expected}")
            else:
                told.append(f"answers {said}")
        self.broken = True
        raise AssertionError(f"{acts}\nanswered {answers}\nThe model, for each order:\n" + "\n".join(told))

    def _given(self, act: Take, answer: Answer) -> None:
        _, number, outcomes, _ = answer
        ids = names(act.job_id, act.number, len(str(outcomes)))
        part = Slice(ids, ((1, len(ids)),))
        assert isinstance(number, int)
        claim = Claim(act.job_id, act.number, number, ORG, 1.0, part, Stored(b"", b"", b"", b""))
        if all(known != claim for known, _, _ in self.handles):
            self.handles.append((claim, 0, 0))

    def _check(self) -> None:
        self.broken = True
        check_by_itself(self.world)
        assert keys_left(self.client, self.world) == set()
        for job_id, job in self.world.jobs.items():
            for number, part in enumerate(job.parts):
                for index, code in enumerate(part.out):
                    if code not in ".?":
                        assert self.final.setdefault((job_id, number, index), code) == code
            if job.state in AT_REST:
                stored = self.client.hgetall(keys.job(job_id))
                assert self.rested.setdefault(job_id, stored) == stored
        self.broken = False

    # And how it ends: whatever happened, every job can be finished.

    def _run_out(self, job_id: str, number: int) -> None:
        self.client.zadd(keys.job(job_id, "claimed"), {str(number): 1}, xx=True)
        self.world.jobs[job_id].claimed[number] = RAN_OUT

    def _lose(self, job_id: str, number: int) -> None:
        self.client.zadd(keys.job(job_id, "waiting"), {str(number): 1}, xx=True)
        self.world.jobs[job_id].waiting[number] = LOST

    def _hold(self, held: bool) -> None:
        self.client.hset(keys.budget(HOST, ORG), "hold_us", FAR if held else "0")
        self.world.held = held

    def teardown(self) -> None:
        if self.broken:
            return
        self._hold(held=False)
        for job_id in [*self.world.jobs]:
            self._finish(job_id)
        for job_id in [*self.world.jobs, *self.world.purging]:
            while self._do([Purge(job_id, 100)])[0] != ("PURGED",):
                pass
        assert self.world == World()
        left = set(self.client.keys("bulk:*"))
        # What all jobs came to stays, for the counters that are scraped.
        assert left - {keys.TOTALS.encode()} == {keys.budget(HOST, ORG).encode()}

    def _finish(self, job_id: str) -> None:
        """All workers die, all messages are lost, and others go on."""
        job = self.world.jobs[job_id]
        if job.state is State.PREPARING:
            launch = Launch(job_id, job.sizes)
            launch.upload(self.stores[0].jobs)
            self._do([launch])
        if self.world.jobs[job_id].state is State.PAUSED:
            self._do([Steer(job_id, Control.RESUME)])
        for _ in range(len(job.sizes) + 2):
            job = self.world.jobs[job_id]
            for number in job.claimed:
                self._run_out(job_id, number)
            for number in job.waiting:
                self._lose(job_id, number)
            _, _, queued = self._do([Sweep(job_id)])[0]
            assert isinstance(queued, tuple)
            for number in queued:
                self._work_off(job_id, number)
        assert self.world.jobs[job_id].state in AT_REST, self.world.jobs[job_id]
        assert recount(self.stores[0].jobs, job_id).differences == []

    def _work_off(self, job_id: str, number: int) -> None:
        act = Take(job_id, number, f"n{next(self.new)}", isolated_process=True)
        answer = self._do([act])[0]
        if answer[0] == "CLAIMED":
            claim, *_ = self.handles[-1]
            size = len(claim.part.ids)
            batches = tuple((at, "A" * min(15, size - at)) for at in range(0, size, 15))
            self._do([Commit(claim, 1, size, batches, ClaimEnd.RELEASE)])
