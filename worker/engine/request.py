"""A request on its way from a slice's window to its answer, and the slice's side of it."""

from enum import StrEnum

import msgspec

from worker.core.answers.reply import NoReply
from worker.core.batches.batch import Batch
from worker.core.batches.packing import Pool
from worker.core.batches.split import Parts
from worker.core.rate.slots import Slot
from worker.core.reason import Reason
from worker.core.retrying.policy import Policy
from worker.engine.commit_buffer import CommitBuffer
from worker.engine.job_view import JobView
from worker.store.claims import Claim, ClaimEnd


class RequestKind(StrEnum):
    """What a request repeats; its value is the counter of the report, where it has one."""

    FIRST = ""
    RETRIED = "retried"
    SPLIT_PROBE = "probes"
    REPLAYED = "replayed"


class SendContext:
    """One claim of a slice while it is sent: what its requests share, and how many of them are under way.

    The dispatcher knows it as the slice's demand for send times.
    """

    def __init__(self, claim: Claim, policy: Policy, commit: CommitBuffer, job: JobView) -> None:
        self.job_id = claim.job_id
        self.org_id = claim.org_id
        self.slice_no = claim.slice_no
        self.claim = claim.number
        self.weight = claim.weight
        self.policy = policy
        self.commit = commit
        self.job = job
        self.unfed = 0
        """Batches that are still to be offered to the dispatcher."""
        self.pool = Pool()
        """Pieces of batches that wait to be sent again together."""
        self.under_way = 0
        """Requests that were offered and are not done, those that wait to be sent again included."""
        self.problem: Exception | None = None

    @property
    def going_on(self) -> bool:
        return self.commit.going_on

    def opened(self) -> None:
        self.under_way += 1

    def closed(self) -> None:
        self.under_way -= 1
        if not self.under_way:
            self.commit.news.set()

    def snooze(self, seconds: float) -> None:
        """Gives the slice back until a hold of `seconds` is over."""
        if self.commit.going_on:
            self.commit.add_seconds("held_by_429", seconds)
            self.commit.snooze = seconds
            self.commit.give_back(ClaimEnd.SNOOZE)

    def broken(self, error: Exception) -> None:
        """Gives the slice back after a defect of ours or a refusal of the store for good: its task fails."""
        self.problem = error
        self.commit.give_back(ClaimEnd.BREAK)


class Request(msgspec.Struct, eq=False):
    """Plain and mutable: each batch is one of these from its offer to its end, however often it is sent."""

    context: SendContext
    batch: Batch
    kind: RequestKind = RequestKind.FIRST
    parts: Parts | None = None
    """The parts of a batch that is split which are still to be sent."""
    fault: Reason | None = None
    """Why its ids are ambiguous, if they are."""
    is_untouched: bool = False
    """A full fixed batch of its slice, none of whose ids was ever sent, as far as is known."""
    is_ahead: bool = False
    """It counts as one of those that may be marked ahead of sending."""
    breaker_probe: bool = False
    """It goes out as the one that finds out whether the API is back."""
    slot: Slot | None = None
    no_token: NoReply | None = None
    """Why it cannot be sent, where there was no access token to send it with."""
    offered_at: float = 0.0
    """Seconds of the loop's clock. What follows was read then off the stopwatches of what holds it up."""
    shut_before: float = 0.0
    tokenless_before: float = 0.0
    full_before: float = 0.0
    reported_opening: int = 0
    """The opening of the circuit that the job's report was last given as the reason of its wait."""
