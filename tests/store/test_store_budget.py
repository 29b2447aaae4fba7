"""The shared budget: slots evenly spaced, holds that only grow."""

import pytest

from worker.store.claims import ClaimStore


async def test_reservations_follow_each_other_without_gap_or_overlap(claims: ClaimStore) -> None:
    first = await claims.reserve("budget", 10.0, 5, "10")
    second = await claims.reserve("budget", 10.0, 5, "10")
    assert first.gap == pytest.approx(0.1)
    # Seen from two moments, the second run begins where the first ended.
    assert first.first == 0
    assert 0.3 < second.first <= 0.5


async def test_unused_time_is_not_saved_up(claims: ClaimStore) -> None:
    await claims.reserve("budget", 1_000_000.0, 1, "x")
    late = await claims.reserve("budget", 10.0, 1, "10")
    assert late.first >= 0


async def test_a_hold_moves_every_slot_behind_it(claims: ClaimStore) -> None:
    assert await claims.hold("budget", 30.0) == pytest.approx(30.0)
    given = await claims.reserve("budget", 10.0, 1, "10")
    assert given.first == pytest.approx(30.0, abs=5)
    assert given.held == pytest.approx(30.0, abs=5)


async def test_a_hold_is_never_made_shorter(claims: ClaimStore) -> None:
    await claims.hold("budget", 30.0)
    assert await claims.hold("budget", 1.0) > 20


async def test_organizations_do_not_share(claims: ClaimStore) -> None:
    await claims.hold("one", 30.0)
    assert (await claims.reserve("two", 10.0, 1, "10")).first == 0
