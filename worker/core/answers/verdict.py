"""What an answer can mean; the table in `answer` beside this says which answer means which."""

from dataclasses import dataclass

from worker.core.answers.reconcile import Reconciled
from worker.core.answers.trust import TokenAction
from worker.core.job import ReasonCode
from worker.core.reason import Reason


@dataclass(frozen=True, slots=True)
class Throttled:
    hold: float | None
    """Hold in seconds that the API asks for; None if it asks for none."""


@dataclass(frozen=True, slots=True)
class Unauthorized:
    reason: Reason
    token_action: TokenAction = TokenAction.RENEW


@dataclass(frozen=True, slots=True)
class JobFault:
    code: ReasonCode
    reason: Reason


@dataclass(frozen=True, slots=True)
class Rejected:
    reason: Reason


@dataclass(frozen=True, slots=True)
class Intercepted:
    """Something other than the API answered, and did not pass the request on."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Faulty:
    reason: Reason
    asked: float | None = None
    """Pause in seconds that the answer asks for, as a 503 may; None if it asks for none."""


@dataclass(frozen=True, slots=True)
class Unreached:
    reason: Reason


Verdict = Reconciled | Throttled | Unauthorized | JobFault | Rejected | Intercepted | Faulty | Unreached
