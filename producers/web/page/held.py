"""Lists that are planned and not yet activated, each in an unlinked temporary file of its session."""

import asyncio
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Final

from producers.keywords import ReadingOptions
from producers.reading import Source
from producers.submission.planned import Plan
from producers.web.sessions import Session

LIFE: Final = 1800.0
"""Seconds that a list is held."""
MAX_OF_SESSION: Final = 3
MAX_HELD: Final = 24
"""Lists of all sessions. One too many ends the oldest, of its session or of all."""


@dataclass(frozen=True)
class FormList:
    """A list as the form sent it."""

    name: str
    """Of its file, without `.gz`: it says how the list is read, and stands in messages."""
    file: IO[bytes]
    """Unlinked, and unpacked."""
    org_id: str
    column: str

    @property
    def reading(self) -> ReadingOptions:
        """How it is read, besides what its name says."""
        return {"column": self.column} if self.column else {}

    def source(self, check: Callable[[], object]) -> Source:
        """The list, to be read once more; whoever reads it closes it. Raises what `check` raises."""
        return Source(self.name, os.fdopen(os.dup(self.file.fileno()), "rb"), check)


@dataclass(frozen=True)
class Held:
    list: FormList
    plan: Plan
    session: Session
    size: int
    name: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    """Of the list, in addresses."""


class HeldLists:
    def __init__(self, life: float = LIFE) -> None:
        self._life = life
        self._held: dict[str, Held] = {}
        """By name, the oldest first."""

    def hold(self, session: Session, form_list: FormList, plan: Plan, most_bytes: int) -> str:
        """Holds the list until it is dropped; returns its name. `most_bytes`: of all lists together."""
        held = Held(form_list, plan, session, os.fstat(form_list.file.fileno()).st_size)
        own = [each.name for each in self._held.values() if each.session is session]
        if not own:
            session.belongings.callback(self._end_of, session)
        for name in own[: max(0, len(own) + 1 - MAX_OF_SESSION)]:
            self.drop(name)
        while self._held and (len(self._held) >= MAX_HELD or self.bytes + held.size > most_bytes):
            self.drop(next(iter(self._held)))
        self._held[held.name] = held
        asyncio.get_running_loop().call_later(self._life, self.drop, held.name)
        return held.name

    @property
    def bytes(self) -> int:
        """On disk."""
        return sum(held.size for held in self._held.values())

    def find(self, session: Session, name: str) -> Held | None:
        """The list of that name, of this session alone."""
        held = self._held.get(name)
        return held if held is not None and held.session is session else None

    def drop(self, name: str) -> None:
        """Gives its disk back. Nothing where there is none."""
        held = self._held.pop(name, None)
        if held is not None:
            held.list.file.close()

    def _end_of(self, session: Session) -> None:
        for name in [held.name for held in self._held.values() if held.session is session]:
            self.drop(name)
