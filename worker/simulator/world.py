"""The API's world: which token exists, which is active, and what was done to it.

A token that was never heard of exists and is deactivated, unless its nature, which hangs on the seed and
its id alone, says otherwise.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from worker.simulator.chance import Dice
from worker.simulator.lists import Failure, Result

REFUSALS: Final = (
    "Token not found",
    "Token {id} is expired",
    "Token {id} was revoked by its owner",
    "User is no longer a member of the organization",
)
ALREADY_ACTIVE: Final = "Token is already active"


@dataclass(slots=True)
class Token:
    """A token as the API sees it. Small: there may be millions."""

    refusal: str | None = None
    """Why it can never be activated; None where it can."""
    poison: bool = False
    """A request that holds it is refused as a whole."""
    was_active: bool = False
    active: bool = False
    activations: int = 0
    """How often it was turned from inactive to active."""
    sent: int = 0
    """How many requests held it, refused ones too."""
    admitted: int = 0
    """How many of these were let through: neither throttled nor refused at the door."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """A token as `GET /world` shows it."""

    org: str
    id: str
    active: bool
    was_active: bool
    activations: int
    sent: int
    admitted: int


@dataclass(frozen=True, slots=True)
class TokenTraits:
    """Gives each id its fate: fractions of ids, which sum to 1 at most."""

    dice: Dice
    fail: float = 0.0
    active: float = 0.0
    poison: float = 0.0

    def token(self, token_id: str) -> Token:
        """The token as it was before anyone asked for it."""
        if not (self.fail or self.active or self.poison):
            return Token()
        chance = self.dice.roll("fate", token_id)
        if chance < self.fail:
            return Token(refusal=REFUSALS[self.dice.pick("refusal", token_id, len(REFUSALS))])
        if chance < self.fail + self.active:
            return Token(was_active=True, active=True)
        return Token(poison=chance < self.fail + self.active + self.poison)


class World:
    """The tokens of one organization, as far as they were asked for."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}

    def receive(self, ids: Iterable[str], traits: TokenTraits) -> int:
        """Notes that a request holds `ids`. Returns how many of them an earlier request held too."""
        tokens = self._tokens
        again = 0
        for token_id in ids:
            token = tokens.get(token_id)
            if token is None:
                token = tokens[token_id] = traits.token(token_id)
            elif token.sent:
                again += 1
            token.sent += 1
        return again

    def admit(self, ids: Sequence[str]) -> int:
        """Notes that a request for `ids` was let through. Returns how often its first id was before."""
        tokens = self._tokens
        for token_id in ids:
            tokens[token_id].admitted += 1
        return tokens[ids[0]].admitted - 1

    def poisoned(self, ids: Iterable[str]) -> bool:
        return any(self._tokens[token_id].poison for token_id in ids)

    def activate(self, ids: Iterable[str]) -> Result:
        """Turns active what can be. All of `ids` were received before, none is there twice."""
        tokens = self._tokens
        result = Result([], [])
        for token_id in ids:
            token = tokens[token_id]
            if token.active:
                result.failures.append(Failure(token_id, ALREADY_ACTIVE))
            elif token.refusal is not None:
                result.failures.append(Failure(token_id, token.refusal.format(id=token_id)))
            else:
                token.active = True
                token.activations += 1
                result.successes.append(token_id)
        return result

    def lines(self, org: str) -> Iterator[Line]:
        """In the order in which the ids were first met. Ids that come while it is read are left out."""
        for token_id in list(self._tokens):
            token = self._tokens[token_id]
            yield Line(
                org,
                token_id,
                token.active,
                token.was_active,
                token.activations,
                token.sent,
                token.admitted,
            )
