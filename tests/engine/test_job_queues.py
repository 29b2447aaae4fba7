"""Whose request is next within a job, and among jobs."""

from tests.engine.takers import context_of
from worker.core.batches.batch import Batch
from worker.engine.job_queues import JobQueues
from worker.engine.request import Request, SendContext


def goes_on() -> bool:
    return True


def request(context: SendContext, number: int) -> Request:
    return Request(context, Batch((f"id-{number}",), (number,), (False,), (0,)), offered_at=float(number))


def names(queues: JobQueues, job: str = "") -> list[str]:
    found = []
    while (one := queues.pop(job)) is not None:
        found.append(one.batch.ids[0])
    return found


async def test_first_come_first_served_but_what_goes_again_comes_before() -> None:
    queues, context = JobQueues(), context_of("a", goes_on)
    for number in (1, 2, 3):
        queues.put(request(context, number))
    queues.put_first(request(context, 9))
    assert queues.waiting("a") == 4
    assert names(queues) == ["id-9", "id-1", "id-2", "id-3"]
    assert not queues


async def test_what_was_taken_and_could_not_be_sent_is_put_back_where_it_was() -> None:
    queues, context = JobQueues(), context_of("a", goes_on)
    for number in range(6):
        queues.put(request(context, number))
    taken = [queues.pop("a") for _ in range(4)]
    for one in taken:
        assert one is not None
        queues.put_back(one)
    assert names(queues) == [f"id-{number}" for number in range(6)]


async def test_a_job_without_a_request_leaves_its_turn_to_another() -> None:
    queues = JobQueues()
    queues.put(request(context_of("a", goes_on), 1))
    queues.put(request(context_of("b", goes_on), 2))
    second, first = queues.pop("b"), queues.pop("b")
    assert second is not None
    assert first is not None
    assert (second.context.job_id, first.context.job_id) == ("b", "a")
    assert queues.pop("a") is None


async def test_one_slice_s_requests_can_be_taken_back() -> None:
    queues = JobQueues()
    stays, goes = context_of("a", goes_on), context_of("a", goes_on)
    for number, context in enumerate((stays, goes, stays, goes)):
        queues.put(request(context, number))
    assert [one.batch.ids[0] for one in queues.remove(goes)] == ["id-1", "id-3"]
    assert names(queues) == ["id-0", "id-2"]
