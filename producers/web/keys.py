"""Who may use the HTTP API: keys with a role, and the lines of the file that lists them.

A line is `NAME ROLE SHA256 [ORG,ORG...]`; blank lines and those that begin with # are left out.
The file holds hashes of keys alone, so reading it gives nobody a key: a key has 256 random bits, which no
search of hashes finds.
"""

import hashlib
import hmac
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from worker.core.errors import BadInputError
from worker.core.ids import is_org_id

PREFIX: Final = "bulk_"
"""What keys begin with, by which scanners for secrets can know them."""
_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._@-]{0,63}")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_FIELDS: Final = range(3, 5)


class Role(StrEnum):
    """What a key may do; each may do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: "Role") -> bool:
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True)
class Key:
    """A line of the file."""

    name: str
    """Recorded as `actor` and `created_by` of what is done with the key."""
    role: Role
    digest: bytes
    """SHA-256 of the key."""
    orgs: frozenset[str] | None = None
    """The organizations that it reaches, in lower case; None for all."""

    def reaches(self, org_id: str) -> bool:
        return self.orgs is None or org_id.lower() in self.orgs


class Keys(ABC):
    def find(self, secret: bytes) -> Key | None:
        """The key with this text."""
        return self.with_digest(digest_of(secret))

    @abstractmethod
    def with_digest(self, digest: bytes) -> Key | None:
        """The key with this SHA-256, if it holds now."""


class NewKey(NamedTuple):
    secret: str
    line: str
    """Its line of the file."""


def new_key(name: str, role: Role, orgs: Collection[str]) -> NewKey:
    """Makes a key up. Raises `BadInputError` for a name or an organization that cannot stand in the file."""
    secret = PREFIX + secrets.token_urlsafe(32)
    line = " ".join((name, role, digest_of(secret.encode()).hex(), *([",".join(orgs)] if orgs else [])))
    parse_key(line)
    return NewKey(secret, line)


def digest_of(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def parse_key(line: str) -> Key:
    """The key of a line. Raises `BadInputError`, without quoting what may be a secret."""
    fields = line.split()
    if len(fields) not in _FIELDS:
        raise BadInputError("expected NAME ROLE SHA256 [ORG,ORG...]")
    name, role, sha256 = fields[:3]
    if not _NAME.fullmatch(name):
        raise BadInputError(
            "the name of a key is letters, digits and ._@-, at most 64, and begins with no sign"
        )
    if role not in set(Role):
        raise BadInputError(f"the role of key {name} is none of {', '.join(Role)}")
    if not _SHA256.fullmatch(sha256):
        raise BadInputError(
            f"the third field of key {name} is no SHA-256: take what `bulk-activate key` prints"
        )
    orgs = fields[3].split(",") if len(fields) == _FIELDS[-1] else None
    if orgs is not None and not all(map(is_org_id, orgs)):
        raise BadInputError(f"the organizations of key {name} are GUIDs, comma between")
    reached = None if orgs is None else frozenset(map(str.lower, orgs))
    return Key(name, Role(role), bytes.fromhex(sha256), reached)


def find(keys: Iterable[Key], digest: bytes) -> Key | None:
    """The key among `keys` with this digest, in a time that tells nothing about theirs."""
    found = None
    for key in keys:
        if hmac.compare_digest(key.digest, digest):
            found = key
    return found


@dataclass(frozen=True, slots=True)
class OneKey(Keys):
    """A key for one run of the server."""

    key: Key

    def with_digest(self, digest: bytes) -> Key | None:
        return find([self.key], digest)
