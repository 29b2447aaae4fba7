"""A job put in, a claim taken, a settlement committed: the words of the store's tests."""

from collections.abc import Sequence
from itertools import count

from worker.core.batches.batch import Batch, Settlement
from worker.core.batches.slices import Slice
from worker.core.reason import Reason
from worker.core.reporting.report import counts_of
from worker.core.scope import Scope
from worker.store.claims import Claim, ClaimEnd, ClaimStore, CommitReply
from worker.store.commit_payload import CommitPayload
from worker.store.jobs import JobStore

ORG = "6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f"
HOST = "api.example"
SCOPE = Scope(f"https://{HOST}")
_numbers = count()


def put_job(
    jobs: JobStore, ids: int = 40, *, per_slice: int = 2880, deadline: float | None = None, **fields: str
) -> str:
    """A launched job of `ids` ids, named id-0, id-1, ..."""
    job_id = f"job-{next(_numbers)}"
    jobs.create(job_id, {"org_id": ORG, **fields}, request_id=None, fingerprint="f", fresh=False)
    parts = []
    for number, first in enumerate(range(0, ids, per_slice)):
        names = tuple(f"id-{index}" for index in range(first, min(ids, first + per_slice)))
        parts.append((number, Slice(names, ((first + 1, len(names)),))))
    jobs.put_slices(job_id, parts)
    jobs.start_job(job_id, {}, total=ids, slices=len(parts), deadline=deadline, per_slice=per_slice)
    return job_id


async def take(claims: ClaimStore, job_id: str, slice_no: int = 0, nonce: str = "n") -> Claim:
    claim, _ = await claims.claim(job_id, slice_no, nonce=nonce, worker="w")
    assert isinstance(claim, Claim), claim
    return claim


def settled(first: int, codes: str, *, attempts: int = 1, status: int = 200, why: str = "") -> Settlement:
    """`codes` for the ids from `first` on; each that failed or is unknown gets the reason `why`."""
    places = range(len(codes))
    batch = Batch(
        ids=tuple(f"id-{first + place}" for place in places),
        indices=tuple(first + place for place in places),
        ambiguous=(False,) * len(codes),
        attempts=(attempts,) * len(codes),
    )
    reason = Reason(why or "REFUSED", "no", status)
    return Settlement(
        batch, codes, status, tuple((place, reason) for place in places if codes[place] in "FU")
    )


async def commit(
    claims: ClaimStore,
    claim: Claim,
    seq: int,
    settlements: Sequence[Settlement] = (),
    *,
    mark: int = 0,
    end: ClaimEnd = ClaimEnd.KEEP,
    requests: dict[str, int] | None = None,
) -> CommitReply:
    payload = CommitPayload(list(settlements), requests or {})
    return await claims.commit(claim, seq, mark, payload, end)


def counts(jobs: JobStore, job_id: str) -> dict[str, int]:
    """The counters that are not zero."""
    found = counts_of(jobs.read(job_id).fields)
    assert found.pop("total") == sum(found.values())
    return {str(name): count for name, count in found.items() if count}


def state(jobs: JobStore, job_id: str) -> str | None:
    return jobs.field(job_id, "state")
