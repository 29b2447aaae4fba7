"""How long a token lives, by whatever its grant says."""

import math

import pytest

from worker.core.access.lifetime import ASSUMED_LIFETIME, lifetime_of, renew_after


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (1799, 1799),
        (3, 3),
        (1.5, 1.5),
        ("1799", 1799),
        (" 90 ", 90),
        ("3e2", 300),
        (86_400, 86_400),
        (None, ASSUMED_LIFETIME),
        ("1799s", ASSUMED_LIFETIME),
        ("", ASSUMED_LIFETIME),
        ("soon", ASSUMED_LIFETIME),
        (0, ASSUMED_LIFETIME),
        ("0", ASSUMED_LIFETIME),
        (0.001, ASSUMED_LIFETIME),
        (-1799, ASSUMED_LIFETIME),
        (True, ASSUMED_LIFETIME),
        ([1799], ASSUMED_LIFETIME),
        ({}, ASSUMED_LIFETIME),
        (1_799_000, ASSUMED_LIFETIME),
        (10**400, ASSUMED_LIFETIME),
        (math.inf, ASSUMED_LIFETIME),
        (math.nan, ASSUMED_LIFETIME),
        ("inf", ASSUMED_LIFETIME),
    ],
)
def test_an_unusable_lifetime_counts_as_missing(said: object, seconds: float) -> None:
    assert lifetime_of(said) == seconds


@pytest.mark.parametrize("said", [None, 0, -5, 1, "2", 3, 90, 1799, 10**9, "nonsense"])
def test_no_token_is_renewed_at_once_nor_kept_for_ever(said: object) -> None:
    assert 0.6 < renew_after(lifetime_of(said)) < 86_400
