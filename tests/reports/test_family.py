"""Merging is streamed in constant memory."""

import gc
import tracemalloc
from collections import deque
from itertools import islice

import redis

from tests.servers import RealServer
from tests.store.job_setup import put_job
from worker.reports.family import family_results
from worker.store.connect import sync_client
from worker.store.jobs import JobStore

_PER_SLICE = 150


def peak(client: redis.Redis, slices: int) -> int:
    """Bytes held at most while the rows of a family of two jobs, each of so many slices, pass by.

    Looked at after a collection, which also empties Python's lists of free objects: these fill up first.
    """
    jobs = JobStore(client)
    parent = put_job(jobs, slices * _PER_SLICE, per_slice=_PER_SLICE)
    put_job(jobs, slices * _PER_SLICE, per_slice=_PER_SLICE, root_job_id=parent, parent_job_id=parent)
    gc.collect()
    tracemalloc.start()
    try:
        rows = family_results(jobs, parent)
        held = 0
        while list(islice(rows, 1)):
            deque(islice(rows, 10 * _PER_SLICE), maxlen=0)
            gc.collect()
            held = max(held, tracemalloc.get_traced_memory()[0])
        return held
    finally:
        tracemalloc.stop()


def test_merging_holds_no_more_for_a_longer_list(valkey: RealServer) -> None:
    with sync_client(valkey.server.url) as client:
        peak(client, 20)
        few, many = peak(client, 20), peak(client, 60)
    assert many < 1.3 * few
