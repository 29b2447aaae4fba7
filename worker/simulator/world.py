"""The tokens of the simulated API, their states, and what was done to them.

A token received for the first time exists and is inactive, unless its traits, which depend on the seed and
its id alone, say otherwise.
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
    """A token as the API sees it. Kept small, since there may be millions."""

    refusal: str | None = None
    """Why it can never be activated; None if it can."""
    poison: bool = False
    """Whether any request with it fails as a whole."""
    was_active: bool = False
    active: bool = False
    activations: int = 0
    """Number of changes from inactive to active."""
    sent: int = 0
    """Number of requests with it, including refused ones."""
    admitted: int = 0
    """Number of these requests that were neither throttled nor refused."""


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
    """Assigns traits to new ids by their shares, which sum to 1 at most."""

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
    """The tokens of one organization that were received so far."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}

    def receive(self, ids: Iterable[str], traits: TokenTraits) -> int:
        """Records a request with `ids`. Returns how many of them an earlier request contained."""
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
        """Records an admitted request. Returns how many earlier ones contained its first id."""
        tokens = self._tokens
        for token_id in ids:
            tokens[token_id].admitted += 1
        return tokens[ids[0]].admitted - 1

    def poisoned(self, ids: Iterable[str]) -> bool:
        """Whether any of `ids` makes its request fail as a whole."""
        return any(self._tokens[token_id].poison for token_id in ids)

    def activate(self, ids: Iterable[str]) -> Result:
        """Activates what can be activated. `ids` are unique and were received before."""
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
        """Yields the tokens in the order of their first request, without those received meanwhile."""
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
