"""What the store is to do, as plain values: jobs, slices and claims, without Redis, clock or Lua.

It follows the contracts at the heads of `worker/store/scripts/job/*.lua`, on purpose in other words: a
claim's lease is live or ran out, a message is fresh, lost, or not due. `World` changes in place.
"""

from dataclasses import dataclass, field
from typing import Final

from worker.core.batches.split import FREE_PROBES
from worker.core.job import ALLOWED_FROM, AT_REST, IN_FORCE, Control, State
from worker.store.script_args import WINDOW

FRESH: Final = "fresh"
LOST: Final = "lost"
LATER: Final = "later"
LIVE: Final = "live"
RAN_OUT: Final = "ran out"

OPEN: Final = frozenset(".?")
MOVING: Final = frozenset({State.QUEUED, State.RUNNING, State.PAUSED, State.CANCELLING})
MIN_SAMPLE: Final = 100
MAX_DEATHS: Final = 3

Answer = tuple[object, ...]


@dataclass
class Part:
    """A slice: one outcome an id, and who works on it."""

    out: str
    claim: int = 0
    nonce: str = ""
    seq: int = 0
    mark: int = 0
    done: bool = False
    deaths: int = 0
    sendable: int = 0
    """Ids below it may have been sent, whatever became of the claim. The store does not know this."""

    def doubt(self) -> None:
        below = self.out[: self.mark].replace(".", "?")
        self.out, self.mark = below + self.out[self.mark :], 0


@dataclass
class Job:
    request: str | None
    root: str | None
    sizes: tuple[int, ...]
    max_failures: int | None
    max_ratio: float | None
    state: State = State.PREPARING
    ending: State | None = None
    late: bool = False
    started: bool = False
    parts: list[Part] = field(default_factory=list)
    next: int = 0
    waiting: dict[int, str] = field(default_factory=dict)
    claimed: dict[int, str] = field(default_factory=dict)
    sent: int = 0
    tally: int = 0
    family: list[str] = field(default_factory=list)
    history: list[State] = field(default_factory=list)

    def count(self, codes: str) -> int:
        return sum(part.out.count(code) for part in self.parts for code in codes)

    @property
    def workable(self) -> bool:
        return self.state in {State.QUEUED, State.RUNNING} and self.ending is None

    def lose(self, number: int) -> None:
        part = self.parts[number]
        part.doubt()
        part.claim, part.deaths = part.claim + 1, part.deaths + 1
        del self.claimed[number]
        self.waiting[number] = FRESH

    def change(self, to: State) -> None:
        self.state = to
        self.history.append(to)
        self.started |= to is State.RUNNING

    def rest(self, to: State) -> None:
        self.change(to)
        self.ending = None
        self.waiting, self.claimed = {}, {}

    def settle(self) -> bool:
        """Whether it rests now."""
        if self.state not in MOVING:
            return self.state in AT_REST
        if not self.count(".?"):
            self.rest(State.COMPLETED)
            return True
        if self.ending is None or LIVE in self.claimed.values():
            return False
        for number in self.claimed:
            self.parts[number].doubt()
        for part in self.parts:
            part.out = part.out.replace(".", "N").replace("?", "U")
        self.rest(self.ending)
        return True

    def check_limits(self) -> None:
        if self.state not in MOVING:
            return
        failed = self.count("FU")
        settled = failed + self.count("Aa")
        sample = min(MIN_SAMPLE, sum(self.sizes))
        if (self.max_failures is not None and failed > self.max_failures) or (
            self.max_ratio is not None and settled >= sample and failed > self.max_ratio * settled
        ):
            self.ending = self.ending or State.FAILED
        if self.late:
            self.ending = self.ending or State.EXPIRED

    def refill(self) -> list[int]:
        queued: list[int] = []
        while self.workable and len(self.waiting) < WINDOW and self.next < len(self.parts):
            self.waiting[self.next] = FRESH
            queued.append(self.next)
            self.next += 1
        return queued


def sent(numbers: list[int]) -> tuple[int, ...]:
    """Those for which messages are to be sent; their order says nothing."""
    return tuple(sorted(numbers))


@dataclass
class World:
    jobs: dict[str, Job] = field(default_factory=dict)
    requests: dict[str, tuple[str, str]] = field(default_factory=dict)
    purging: dict[str, int] = field(default_factory=dict)
    held: bool = False

    def create(self, job_id: str, job: Job, fingerprint: str, *, fresh: bool) -> Answer:
        if job_id in self.jobs:
            return ("FOUND", job_id)
        if job.request is not None:
            known, mark = self.requests.get(job.request, ("", ""))
            if known in self.jobs and not (fresh and self.jobs[known].state in AT_REST):
                return ("FOUND" if mark == fingerprint else "TAKEN", known)
            self.requests[job.request] = (job_id, fingerprint)
        self.jobs[job_id] = job
        return ("CREATED", job_id)

    def launch(self, job_id: str) -> Answer:
        job = self.jobs.get(job_id)
        if job is None:
            return ("NO_JOB",)
        if job.state is not State.PREPARING:
            return ("STARTED", ())
        job.parts = [Part("." * size) for size in job.sizes]
        if job.root in self.jobs:
            self.jobs[str(job.root)].family.append(job_id)
        job.change(State.QUEUED)
        return ("STARTED", () if job.settle() else sent(job.refill()))

    def claim(self, job_id: str, number: int, nonce: str, *, isolated_process: bool) -> Answer:
        job = self.jobs.get(job_id)
        if job is None:
            return ("NO_JOB",)
        job.check_limits()
        if not job.workable:
            job.settle()
            return ("RESTING",)
        return (
            self._claim(job, number, nonce, isolated_process=isolated_process)
            if number < len(job.parts)
            else ("NO_JOB",)
        )

    def _claim(self, job: Job, number: int, nonce: str, *, isolated_process: bool) -> Answer:
        part, lease = job.parts[number], job.claimed.get(number)
        mine = lease is not None and part.nonce == nonce
        if part.done:
            job.waiting.pop(number, None)
            return ("DONE",)
        if lease is LIVE and not mine:
            return ("TAKEN",)
        if lease is not None and not mine:
            job.lose(number)
        # By a worker that was done with another slice: no message was sent for it.
        job.next += number == job.next
        if not mine and part.deaths >= MAX_DEATHS and not isolated_process:
            job.waiting[number] = FRESH
            return ("NEEDS_ISOLATION",)
        if self.held and not mine:
            job.waiting[number] = LATER
            return ("HELD",)
        if not mine:
            part.claim, part.nonce, part.seq = part.claim + 1, nonce, 0
        job.waiting.pop(number, None)
        job.claimed[number] = LIVE
        if job.state is State.QUEUED:
            job.change(State.RUNNING)
        return ("CLAIMED", part.claim, part.out, sent(job.refill()))

    def commit(
        self, job_id: str, number: int, claim: int, seq: int, mark: int, codes: dict[int, str], end: str
    ) -> Answer:
        job = self.jobs.get(job_id)
        if job is None:
            return ("NO_JOB", False, 0, ())
        part = job.parts[number]
        if part.claim != claim:
            return ("FENCED", False, 0, ())
        if seq <= part.seq:
            return ("REPEATED", job.workable, FREE_PROBES + job.count("A"), ())
        if number not in job.claimed:
            return ("FENCED", False, 0, ())
        now, settled = list(part.out), False
        for index, code in codes.items():
            if now[index] in OPEN:
                now[index] = code
                settled |= code != "?"
                job.tally += code in "FU"
        part.out, part.seq, part.mark = "".join(now), seq, mark
        part.sendable = max(part.sendable, mark) if end == "keep" else 0
        part.deaths = 0 if settled else part.deaths + (end == "break")
        job.sent += 1
        job.claimed[number] = LIVE
        queued = [] if end == "keep" else self._give_back(job, number, end)
        job.check_limits()
        if not job.settle() and end != "hand over":
            queued += job.refill()
        return ("COMMITTED", job.workable, FREE_PROBES + job.count("A"), sent(queued))

    @staticmethod
    def _give_back(job: Job, number: int, end: str) -> list[int]:
        part = job.parts[number]
        part.mark = 0
        del job.claimed[number]
        if not OPEN & set(part.out):
            part.done = True
            return []
        job.waiting[number] = {"release": FRESH, "break": FRESH, "hand over": LOST, "snooze": LATER}[end]
        return [number] if job.workable and end in {"release", "break"} else []

    def sweep(self, job_id: str) -> Answer:
        job = self.jobs.get(job_id)
        if job is None:
            return (0, 0, ())
        job.check_limits()
        if job.state not in MOVING:
            return (0, 0, ())
        queued = []
        for number in [number for number, lease in job.claimed.items() if lease is RAN_OUT]:
            job.lose(number)
            queued += [number] if job.workable else []
        if job.settle():
            return (0, 0, ())
        if job.workable:
            for number in [number for number, message in job.waiting.items() if message is LOST]:
                job.waiting[number] = FRESH
                queued.append(number)
            queued += job.refill()
        waiting = len(job.waiting) if job.workable else 0
        return (waiting, len(job.claimed), sent(queued))

    def control(self, job_id: str, control: Control) -> Answer:
        job = self.jobs.get(job_id)
        if job is None:
            return ("NO_JOB",)
        if job.state in IN_FORCE[control]:
            return (job.state, False, ())
        if job.state not in ALLOWED_FROM[control]:
            return ("ILLEGAL",)
        queued: list[int] = []
        if control is Control.PAUSE:
            job.change(State.PAUSED)
        elif control is Control.RESUME:
            job.change(State.RUNNING if job.started else State.QUEUED)
            queued = [*job.waiting]
            job.waiting = dict.fromkeys(job.waiting, FRESH)
            queued += job.refill()
        elif control is Control.CANCEL:
            job.ending = State.CANCELLED
            job.change(State.CANCELLING)
            job.settle()
        else:
            job.ending = job.ending or State.FAILED
            job.settle()
        return (job.state, True, sent(queued))

    def purge(self, job_id: str, at_once: int) -> Answer:
        """One step of it."""
        if job_id not in self.purging:
            job = self.jobs.get(job_id)
            if job is None:
                return ("NO_JOB",)
            if job.state not in AT_REST:
                return ("ILLEGAL",)
            self.purging[job_id] = len(job.parts)
            if job.request is not None and self.requests.get(job.request, ("", ""))[0] == job_id:
                del self.requests[job.request]
            del self.jobs[job_id]
        left = max(0, self.purging[job_id] - at_once)
        if left:
            self.purging[job_id] = left
            return ("PURGING", left)
        del self.purging[job_id]
        return ("PURGED",)
