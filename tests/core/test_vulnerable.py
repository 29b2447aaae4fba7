"""Which versions of a server are known to have holes, and what mends them."""

import pytest

from worker.core.vulnerable import ADVISORIES, Product, Version, holes, mended_by, warning

REDISHELL = "CVE-2025-49844 'RediShell'"


def names(product: Product, version: Version, *, tls: bool = True) -> set[str]:
    return {each.name for each in holes(product, version, tls=tls)}


@pytest.mark.parametrize(
    ("product", "version", "affected"),
    [
        ("redis", (7, 4, 5), True),
        ("redis", (7, 4, 6), False),
        ("redis", (6, 2, 19), True),
        ("redis", (6, 2, 20), False),
        # A branch that was never mended, between two that were.
        ("redis", (7, 0, 15), True),
        ("redis", (5, 0, 14), True),
        ("redis", (8, 2, 1), True),
        ("redis", (8, 2, 2), False),
        ("redis", (8, 4, 0), False),
        ("valkey", (8, 1, 3), True),
        ("valkey", (8, 1, 4), False),
        ("valkey", (8, 0, 5), True),
        ("valkey", (9, 0, 0), False),
    ],
)
def test_a_hole_is_known_by_the_branch_of_a_version(
    product: Product, version: Version, affected: bool
) -> None:
    assert (REDISHELL in names(product, version)) is affected


def test_what_came_with_a_version_is_not_told_of_older_ones() -> None:
    assert "CVE-2026-23479" not in names("redis", (7, 0, 15))
    assert "CVE-2026-23479" in names("redis", (7, 2, 13))


def test_a_hole_of_tls_is_told_where_tls_is_spoken() -> None:
    assert names("redis", (8, 8, 1)) == {"CVE-2026-81934"}
    assert names("redis", (8, 8, 1), tls=False) == set()


@pytest.mark.parametrize(
    ("product", "version", "newer"),
    [("redis", (7, 4, 5), (7, 4, 11)), ("redis", (7, 0, 15), (7, 2, 16)), ("valkey", (8, 1, 3), (8, 1, 9))],
)
def test_the_release_to_upgrade_to_is_near_and_has_none(
    product: Product, version: Version, newer: Version
) -> None:
    assert mended_by(product, version) == newer
    assert not holes(product, newer, tls=True)


def test_every_branch_that_was_ever_mended_has_somewhere_to_go() -> None:
    for each in ADVISORIES:
        for product, releases in each.fixed.items():
            assert list(releases) == sorted(releases)
            for release in releases:
                before = (*release[:-1], release[-1] - 1)
                if holes(product, before, tls=True):
                    assert mended_by(product, before) > before


def test_the_warning_names_the_advisory_the_harm_and_the_way_out() -> None:
    told = warning("redis", (7, 0, 15), tls=False)
    assert told is not None
    assert REDISHELL in told
    assert "Redis 7.0.15" in told
    assert "7.2.16 or newer" in told
    assert "\n" not in told
    assert warning("valkey", (9, 1, 2), tls=True) is None
