"""Reads the two lists of a 200 against the ids that were sent, id by id.

the id stands in               and so it is
-----------------------------  ----------------------------------------------------------------
`successes` only               Success
`failures` only                Refusal, final whatever the message says
both                           CONTRADICTION: sent no more
neither                        missing: it may be active, and is sent again
an id that was not sent        an intruder: logged, and nothing else
one list, twice                as once; of two refusals the first message is kept
"""

from enum import Enum, auto

import msgspec

from worker.core.reason import Reason, refusal


class Plain(Enum):
    """What an answer can say of an id without giving a reason."""

    SUCCESS = auto()
    CONTRADICTION = auto()


Said = Plain | Reason
"""What a readable answer says of one id; a `Reason` is a refusal."""


class Reconciled(msgspec.Struct, frozen=True):
    """What a readable 200 says: per id sent, in the order sent; None for an id in neither list."""

    said: tuple[Said | None, ...]
    intruders: int = 0


class _Failure(msgspec.Struct):
    id: str
    message: str | None = None


class _Body(msgspec.Struct):
    successes: list[str] | None = None
    failures: list[_Failure] | None = None


_decode = msgspec.json.Decoder(_Body).decode


def reconcile(body: bytes, sent: tuple[str, ...]) -> Reconciled | None:
    """What `body` says of the ids `sent`; None where it is not JSON of the documented shape."""
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    successes = answer.successes or ()
    failures = answer.failures or ()
    if not failures and tuple(successes) == sent:
        return Reconciled((Plain.SUCCESS,) * len(sent))
    messages: dict[str, str] = {}
    for failure in failures:
        messages.setdefault(failure.id, failure.message or "")
    succeeded = set(successes)
    said = tuple(_said(token_id, succeeded, messages) for token_id in sent)
    return Reconciled(said, len((succeeded | messages.keys()).difference(sent)))


def _said(token_id: str, succeeded: set[str], messages: dict[str, str]) -> Said | None:
    if token_id in messages:
        if token_id in succeeded:
            return Plain.CONTRADICTION
        return refusal(messages[token_id], token_id, 200)
    return Plain.SUCCESS if token_id in succeeded else None
