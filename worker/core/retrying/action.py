"""The actions that may follow an answer to a batch; `policy` decides which."""

from dataclasses import dataclass

import msgspec

from worker.core.batches.batch import Batch, Settlement
from worker.core.job import ReasonCode
from worker.core.reason import Reason


class Retry(msgspec.Struct, frozen=True):
    """Send `batch` again after `delay` seconds."""

    batch: Batch
    delay: float
    settlement: Settlement | None = None
    """Outcomes known by now, recorded at once; None without any."""
    fault: Reason | None = None
    """Why its ids are ambiguous, if they are; see `policy.split_exhausted`."""
    went_out: bool = True
    """False where the request did not reach the API: sending it again is then no repetition."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The API answered 429: nobody sends for a while, then `batch` is sent again, uncharged."""

    batch: Batch
    asked: float | None
    """Seconds that the API asks for; None where it does not say."""


class Settle(msgspec.Struct, frozen=True):
    settlement: Settlement


@dataclass(frozen=True, slots=True)
class Split:
    """One of the ids is at fault for all: split `batch`, see `worker.core.batches.split`."""

    batch: Batch
    reason: Reason
    settlement: Settlement | None = None
    """Outcomes known by now, recorded at once; None without any."""


@dataclass(frozen=True, slots=True)
class Renew:
    """The access token was rejected: renew it, then send `batch` again, uncharged."""

    batch: Batch
    reason: Reason


@dataclass(frozen=True, slots=True)
class Halt:
    """A fault of the whole job, which stops; the batch was not processed."""

    code: ReasonCode
    reason: Reason


Action = Retry | Hold | Settle | Split | Renew | Halt
