"""What a job costs in Redis. A count, not a time: asserted."""

import uuid

import redis

from tests.servers import RealServer
from tests.store.job_setup import ORG, SCOPE, commit, settled, take
from worker.core.batches.slices import IDS, Slice
from worker.store.claims import ClaimEnd, ClaimStore
from worker.store.connect import async_client, sync_client
from worker.store.jobs import JobStore

_SLICES = 8


async def test_guid_like_ids_and_all_their_outcomes_fit_in_30_bytes_each(valkey: RealServer) -> None:
    url = valkey.server.url
    with sync_client(url) as client:
        jobs = JobStore(client)
        jobs.create("size", {"org_id": ORG}, request_id=None, fingerprint="f", fresh=False)
        parts = [
            (number, Slice(tuple(str(uuid.uuid4()) for _ in range(IDS)), ((number * IDS + 1, IDS),)))
            for number in range(_SLICES)
        ]
        jobs.put_slices("size", parts)
        jobs.start_job("size", {}, total=IDS * _SLICES, slices=_SLICES, deadline=None)
        own = async_client(url)
        claims = ClaimStore(own, SCOPE)
        for number in range(_SLICES):
            claim = await take(claims, "size", number)
            batches = [
                settled(first, "A" * 14 + ("F" if first % 4 else "A"), why=f"REASON_{first % 3}")
                for first in range(0, IDS, 15)
            ]
            await commit(claims, claim, 1, batches, mark=IDS, end=ClaimEnd.RELEASE)
        await own.aclose()
        assert jobs.field("size", "state") == "completed"
        assert _bytes(client, "bulk:{size}:*") / (IDS * _SLICES) <= 30


def _bytes(client: redis.Redis, pattern: str) -> int:
    return sum(client.memory_usage(key, samples=0) or 0 for key in client.scan_iter(pattern))
