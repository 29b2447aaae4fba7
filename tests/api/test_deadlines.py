"""One timer for many requests: each is out of time in its time, and none of the others for it."""

import asyncio

import pytest

from worker.api.deadlines import Deadlines


async def body(deadlines: Deadlines, seconds: float) -> float:
    """A request that takes `seconds`. Returns, or raises, after so many seconds of the loop."""
    now = asyncio.get_running_loop().time
    began = now()
    try:
        with deadlines:
            await asyncio.sleep(seconds)
    except TimeoutError:
        return began - now()
    return now() - began


async def test_a_request_that_is_out_of_time_ends_and_the_others_go_on() -> None:
    deadlines = Deadlines(0.2)
    quick, slow, late = await asyncio.gather(
        body(deadlines, 0.01), body(deadlines, 5.0), later(0.1, deadlines, 5.0)
    )
    assert 0 < quick < 0.2
    # Those that were out of time are negative here.
    assert 0.2 <= -slow < 0.3
    assert 0.2 <= -late < 0.3
    assert await body(deadlines, 0.01) > 0


async def later(delay: float, deadlines: Deadlines, seconds: float) -> float:
    await asyncio.sleep(delay)
    return await body(deadlines, seconds)


async def test_a_sender_that_met_a_time_out_goes_on_as_if_nothing_was() -> None:
    deadlines = Deadlines(0.02)
    for _ in range(3):
        assert await body(deadlines, 1.0) < 0
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    await asyncio.sleep(0.05)


async def test_who_is_cancelled_by_others_stays_cancelled() -> None:
    deadlines = Deadlines(5.0)
    task = asyncio.create_task(body(deadlines, 5.0))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_out_and_a_cancellation_at_once_are_a_cancellation() -> None:
    deadlines = Deadlines(0.01)
    task = asyncio.create_task(body(deadlines, 5.0))
    await asyncio.sleep(0)
    task.cancel()
    deadlines._expired.add(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
