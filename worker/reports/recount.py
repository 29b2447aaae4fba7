"""Recounts the outcomes from the per-id record and compares them with the job's counters.

The counters are read before and after the record. At rest both readings are equal, and so must the record be.
While a job runs, final outcomes are only added, so their number in the record must lie between both readings.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from worker.core.batches.record import outcomes_of
from worker.core.job import AT_REST, State
from worker.core.outcome import COUNTED, FINAL
from worker.core.reporting.report import balances, counts_of
from worker.store.jobs import JobStore


@dataclass(frozen=True, slots=True)
class Recount:
    """The counters before and after, and the recounted record; all by outcome, and `total`."""

    state: State
    before: Mapping[str, int]
    recounted: Mapping[str, int]
    after: Mapping[str, int]
    repeated: int
    """Ids that occur more than once in the record; none may."""

    @property
    def balanced(self) -> bool:
        """Whether the report is true."""
        return not self.differences

    @property
    def differences(self) -> list[str]:
        """Contradictions, one sentence each; empty if the report is true."""
        unchanged = self.before == self.after
        compared = ["total", *(outcome for outcome in COUNTED if unchanged or outcome in FINAL)]
        found = [
            f"{name}: the counter says {self.after[name]}, the record {self.recounted[name]}"
            for name in compared
            if not self.before[name] <= self.recounted[name] <= self.after[name]
        ]
        if not balances(self.after):
            found.append(f"the counters do not sum to the total of {self.after['total']}")
        if self.repeated:
            found.append(f"{self.repeated} ids stand more than once in the record")
        return found


def recount(store: JobStore, job_id: str) -> Recount:
    """Reads every slice once. Raises `NoSuchJobError`."""
    fields = store.read(job_id).fields
    tally: Counter[str] = Counter()
    seen: set[int] = set()
    total = 0
    # The state before counts, even if the job comes to rest meanwhile.
    at_rest = State(fields["state"]) in AT_REST
    for item in store.slices(job_id, int(fields.get("slices", 0))):
        count = len(item.part.ids)
        total += count
        tally.update(outcomes_of(item.stored.outcomes, count, at_rest=at_rest))
        seen.update(map(hash, item.part.ids))
    recounted: dict[str, int] = {"total": total}
    recounted.update((outcome, tally[outcome]) for outcome in COUNTED)
    return Recount(
        state=State(fields["state"]),
        before=counts_of(fields),
        recounted=recounted,
        after=counts_of(store.read(job_id).fields),
        repeated=total - len(seen),
    )
