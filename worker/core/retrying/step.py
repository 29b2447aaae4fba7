"""What may be done next with a batch; `policy` decides which."""

from dataclasses import dataclass

import msgspec

from worker.core.batches.batch import Batch, Settlement
from worker.core.job import ReasonCode
from worker.core.reason import Reason


class Retry(msgspec.Struct, frozen=True):
    """Send the batch again after `delay` seconds."""

    batch: Batch
    delay: float
    settlement: Settlement | None = None
    """What is known by now, to be recorded meanwhile."""
    fault: Reason | None = None
    """Why its ids are in doubt, if they are; see `charge`."""
    went_out: bool = True
    """False: it did not reach the API, so that it will be no repeat of itself."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The API limits the rate: nobody sends for a while, then the batch goes again, uncharged."""

    batch: Batch
    asked: float | None
    """Seconds that the API asks for; None where it does not say."""


class Settle(msgspec.Struct, frozen=True):
    settlement: Settlement


@dataclass(frozen=True, slots=True)
class Split:
    """One of these ids is at fault for all: the batch is taken apart, see `worker.core.batches.split`."""

    batch: Batch
    reason: Reason
    settlement: Settlement | None = None
    """What is known by now, to be recorded meanwhile."""


@dataclass(frozen=True, slots=True)
class Renew:
    """The access token was refused: renew it, then send the batch again, uncharged."""

    batch: Batch
    reason: Reason


@dataclass(frozen=True, slots=True)
class Halt:
    """A fault of the whole job; the batch was not processed."""

    code: ReasonCode
    reason: Reason


Action = Retry | Hold | Settle | Split | Renew | Halt
