"""The rate budget that all workers of an organization share: reserve send times, hold everyone, learn.

Calls on the worker's event loop. What is decided from the evidence is decided in `worker.core.rate`.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import redis.asyncio

from worker.core.rate.learned import Evidence, Learned
from worker.core.rate.slots import RUN_SECONDS
from worker.core.rate.terms import Terms
from worker.core.retry_after import LONGEST
from worker.store import keys
from worker.store.steps import BudgetStep, text


class Want(msgspec.Struct, frozen=True, array_like=True):
    """A job that asks for slots."""

    job: str
    weight: float
    slots: int


class Heard(msgspec.Struct, array_like=True):
    """What was heard since it was last told, of requests sent in era `era`."""

    era: int = 0
    passed: int = 0
    """Answers that were no 429."""
    latency_us: int = 0
    """Summed over them."""
    late: int = 0
    """Such answers to requests of the era before: something passed, if at another rate."""


class Decided(msgspec.Struct, frozen=True, array_like=True):
    """A decision on evidence of `version`; void where another was made meanwhile."""

    version: int
    rate: float
    learned: str
    next_look: float
    """Seconds."""
    new_era: bool
    strikes: int


class Due(msgspec.Struct, frozen=True):
    """The evidence for a decision, handed to one worker."""

    learned: str
    ceiling: float
    start: float
    by_hand: bool
    evidence: Evidence

    @property
    def terms(self) -> Terms:
        return Terms(self.ceiling if self.by_hand else None, self.start, self.ceiling)


class Reserved(msgspec.Struct, frozen=True):
    """A run of send times, in seconds from the moment the store answered; see `reserve.lua`."""

    at_us: int
    """That moment, on the store's clock."""
    first: float
    gap: float
    again: float
    held: float
    era: int
    rate: float
    version: int
    strikes: int
    order: tuple[int, ...] = ()
    due: Due | None = None


class Decision(msgspec.Struct, frozen=True):
    learned: str
    evidence: Evidence


class Throttled(msgspec.Struct, frozen=True):
    held: float
    version: int
    decide: Decision | None = None


MOST_PER_RUN: Final = 10_000
"""Slots: what a run holds at the highest rate that can be set."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a worker tells the budget, and asks of it."""

    terms: Terms
    wants: list[Want]
    unused: int
    heard: Heard
    decided: Decided | None = None
    advice: tuple[float, float] | None = None
    """Requests per second, and for how many seconds."""
    most: int = MOST_PER_RUN
    """Slots that it can use in the time of a run."""
    run: float = RUN_SECONDS
    """Seconds that the run is to be long."""
    back: float = 0.0
    """Seconds until the answer is there: no slot before that is of use."""


HOLDS: Final = "bulk:holds"
"""The channel on which `throttle.lua` tells of each hold."""


def read_hold(message: bytes) -> tuple[str, float] | None:
    """The key of the budget that is held, and the seconds left; None where no hold can be as it tells."""
    try:
        key, micros = message.decode().rsplit(" ", 1)
        seconds = float(micros) / 1e6
    except ValueError:
        return None
    return (key, seconds) if 0 <= seconds <= LONGEST else None


_encode: Final = msgspec.json.encode
_learned: Final = msgspec.json.Decoder(Learned, strict=False)
_reserved: Final = msgspec.json.Decoder(Reserved, strict=False)
_throttled: Final = msgspec.json.Decoder(Throttled, strict=False)


class BudgetStore:
    """One organization's budget, as the worker process `worker` sees it."""

    def __init__(self, client: redis.asyncio.Redis, host: str, org_id: str, worker: str) -> None:
        self._client = client
        self._worker = worker
        self._is_loaded = False
        self._keys = [keys.budget(host, org_id, part) for part in ("", "workers", "jobs")]
        self._scripts = {step: client.register_script(text(step)) for step in BudgetStep}

    @property
    def key(self) -> str:
        return self._keys[0]

    async def _step(self, step: BudgetStep, keys_: list[str], args: list[Any]) -> Any:
        return await self._scripts[step](keys=keys_, args=args)

    async def _load(self) -> None:
        """Has Redis know the scripts: else the first hold would take three round trips."""
        async with self._client.pipeline(transaction=False) as pipe:
            for step in (BudgetStep.RESERVE, BudgetStep.THROTTLE, BudgetStep.DECIDE):
                pipe.script_load(self._scripts[step].script)
            await pipe.execute()
        self._is_loaded = True

    async def reserve(self, ask: Ask) -> Reserved:
        if not self._is_loaded:
            await self._load()
        terms = ask.terms
        request = {
            "terms": (terms.ceiling, terms.most, terms.start, terms.label),
            "wants": ask.wants,
            "unused": ask.unused,
            "heard": ask.heard,
            "most": ask.most,
            "run": ask.run,
            "back": ask.back,
            "decided": ask.decided,
            "advice": ask.advice,
        }
        return _reserved.decode(
            await self._step(BudgetStep.RESERVE, self._keys, [self._worker, _encode(request)])
        )

    async def throttle(self, era: int, asked: float | None, hold: float, heard: Heard) -> Throttled:
        """A 429 to a request of `era`: holds everyone for the seconds `asked`, at least for `hold` if it is
        the era's first. `heard`: what came before it, and was not told yet.
        """
        args = [era, "" if asked is None else round(1e6 * asked), round(1e6 * hold), _encode(heard)]
        return _throttled.decode(await self._step(BudgetStep.THROTTLE, self._keys[:1], args))

    async def decide(self, decided: Decided) -> None:
        await self._step(BudgetStep.DECIDE, self._keys[:1], [_encode(decided)])


def pack_learned(learned: Learned) -> str:
    return _encode(learned).decode()


def unpack_learned(blob: str) -> Learned | None:
    """None where nothing was learned, or by a version that this one does not understand."""
    try:
        return _learned.decode(blob) if blob else None
    except msgspec.DecodeError:
        return None
