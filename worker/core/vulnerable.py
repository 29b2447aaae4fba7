"""Versions of Redis and Valkey with known vulnerabilities, and the releases that fix them.

A small table of vulnerabilities with which a client can run code in the server or stop it. It is no scanner:
a version without an entry may have other vulnerabilities. Sources, as of November 2026: the release notes at
github.com/redis/redis/releases and github.com/valkey-io/valkey/releases, and the CVE records.

Weakness: distributions fix vulnerabilities without changing the version (Debian did in 7.0.15).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Version = tuple[int, ...]
Product = Literal["redis", "valkey"]


@dataclass(frozen=True, slots=True)
class Advisory:
    name: str
    harm: str
    """What an attacker can do to a server without the fix."""
    fixed: Mapping[Product, Sequence[Version]]
    """First fixed release of each branch. Newer branches are not affected; older ones without a fix are."""
    since: Mapping[Product, Version] = field(default_factory=dict)
    tls: bool = False
    """Whether only servers that use TLS are affected."""

    def holds(self, product: Product, version: Version) -> bool:
        """Whether this version is affected."""
        fixed = self.fixed.get(product, ())
        if not fixed or version < self.since.get(product, ()):
            return False
        same = [release for release in fixed if release[:2] == version[:2]]
        return version < (same or [max(fixed)])[0]


ADVISORIES: Final = (
    Advisory(
        "CVE-2026-81934",
        "anybody who reaches its TLS port may run code in it",
        {
            "redis": (
                (6, 2, 24),
                (7, 2, 16),
                (7, 4, 11),
                (8, 2, 9),
                (8, 4, 6),
                (8, 6, 6),
                (8, 8, 2),
                (8, 10, 1),
            )
        },
        tls=True,
    ),
    Advisory(
        "CVE-2026-56684",
        "a client that may use CLIENT KILL may run code in it",
        {"valkey": ((8, 0, 10), (8, 1, 9), (9, 0, 5), (9, 1, 1))},
        tls=True,
    ),
    Advisory(
        "CVE-2026-23479",
        "a client may run code in it",
        {"redis": ((7, 2, 14), (7, 4, 9), (8, 2, 6), (8, 4, 3), (8, 6, 3))},
        since={"redis": (7, 2)},
    ),
    Advisory(
        "CVE-2025-67733",
        "a client that runs scripts may forge answers",
        {"valkey": ((7, 2, 12), (8, 0, 7), (8, 1, 6), (9, 0, 2))},
    ),
    Advisory(
        "CVE-2025-49844 'RediShell'",
        "a client that runs scripts may run code in it",
        {
            "redis": ((6, 2, 20), (7, 2, 11), (7, 4, 6), (8, 0, 4), (8, 2, 2)),
            "valkey": ((7, 2, 11), (8, 0, 6), (8, 1, 4)),
        },
    ),
    Advisory(
        "CVE-2025-32023",
        "a client that uses HyperLogLog may run code in it",
        {
            "redis": ((6, 2, 19), (7, 2, 10), (7, 4, 5), (8, 0, 3)),
            "valkey": ((7, 2, 10), (8, 0, 4), (8, 1, 3)),
        },
    ),
    Advisory(
        "CVE-2025-21605",
        "anybody who reaches it may fill its memory",
        {"redis": ((6, 2, 18), (7, 2, 8), (7, 4, 3)), "valkey": ((7, 2, 9), (8, 0, 3), (8, 1, 1))},
    ),
    Advisory(
        "CVE-2024-46981",
        "a client that runs scripts may run code in it",
        {"redis": ((6, 2, 17), (7, 2, 7), (7, 4, 2)), "valkey": ((7, 2, 8), (8, 0, 2))},
    ),
    Advisory(
        "CVE-2024-31449",
        "a client that runs scripts may run code in it",
        {"redis": ((6, 2, 16), (7, 2, 6), (7, 4, 1)), "valkey": ((7, 2, 7), (8, 0, 1))},
    ),
)


def holes(product: Product, version: Version, *, tls: bool) -> list[Advisory]:
    """Advisories that affect this version of the server. `tls`: whether the connection uses TLS."""
    return [each for each in ADVISORIES if each.holds(product, version) and (tls or not each.tls)]


def mended_by(product: Product, version: Version) -> Version:
    """The oldest newer release without a known vulnerability."""
    releases = {release for each in ADVISORIES for release in each.fixed.get(product, ())}
    return min(release for release in releases if release > version and not holes(product, release, tls=True))


def warning(product: Product, version: Version, *, tls: bool) -> str | None:
    """The warning about a server of this version; None if no advisory affects it."""
    found = holes(product, version, tls=tls)
    if not found:
        return None
    named = "; ".join(f"{each.name} ({each.harm})" for each in found)
    newer = _text(mended_by(product, version))
    return (
        f"{product.title()} {_text(version)} has known holes: {named}. Upgrade to {newer} or newer,"
        " or see in your distribution's changelog that it mended them"
    )


def _text(version: Version) -> str:
    return ".".join(map(str, version))
