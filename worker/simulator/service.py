"""The API without the network: requests and answers are values."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from itertools import chain
from typing import Any, Final

from worker.simulator.answers import Answer, error_answer, lists_answer, page_answer
from worker.simulator.call import MAX_IDS, ActivateCall
from worker.simulator.chance import Dice
from worker.simulator.config import BadConfigError, Config, configured
from worker.simulator.exchange import Exchange
from worker.simulator.faults import BY_NAME, NO_FAULT, WHOLE, Fault, Faults, Wire
from worker.simulator.limiter import Limit, TokenBucket
from worker.simulator.retry_after import retry_after
from worker.simulator.stats import NO_ANSWER, Stats
from worker.simulator.world import Line, TokenTraits, World


class Service:
    """The state of the simulator.

    `now` is a clock of monotonic seconds; `wall`, seconds since the epoch, is used only for dates in answers.
    """

    def __init__(
        self, config: Config, api_token: str | None, now: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self._now = now
        self._wall = wall
        self._worlds: defaultdict[str, World] = defaultdict(World)
        self._buckets: defaultdict[str, TokenBucket] = defaultdict(TokenBucket)
        self.stats = Stats()
        self.exchange: Final = Exchange(api_token, now, wall)
        self._configure(config)

    def _configure(self, config: Config) -> None:
        self.config = config
        self._dice = Dice(config.seed)
        self._limit = Limit.of(config.rate, config.burst)
        self._faults = Faults(config.faults)
        self._traits = TokenTraits(self._dice, config.fail, config.active, config.poison)

    def control(self, orders: Mapping[str, Any]) -> Config:
        """Changes the configuration, completely or not at all; `revoke: true` also invalidates access tokens.

        Raises `BadConfigError`.
        """
        values = dict(orders)
        revoke = values.pop("revoke", False)
        if not isinstance(revoke, bool):
            raise BadConfigError("revoke must be true or false")
        self._configure(configured(values, self.config))
        if revoke:
            self.exchange.grants.revoke()
        return self.config

    def authorize(self, form: Mapping[str, Any]) -> Answer:
        """Answers the exchange of an API token."""
        answer = self.exchange.authorize(form, self.config)
        self.stats.exchanges[str(answer.status)] += 1
        return answer

    def activate(self, call: ActivateCall) -> tuple[Answer, float]:
        """The answer, and the seconds until it is due. Ids are activated at once."""
        now = self._now()
        self.stats.request_started(now)
        self._count(call.org, call.ids)
        answer = (
            self._outage_answer(call)
            or self._refusal(call, now)
            or self._answer_admitted(call, list(dict.fromkeys(call.ids)), now)
        )
        self.stats.by_status[str(answer.status) if answer.wire in WHOLE else NO_ANSWER] += 1
        return answer, self._delay()

    def lines(self, org: str | None) -> Iterator[Line]:
        """Every id ever received, of one organization or of all."""
        if org is not None:
            return self._worlds[org].lines(org) if org in self._worlds else iter(())
        return chain.from_iterable(world.lines(org) for org, world in list(self._worlds.items()))

    def _count(self, org: str, ids: list[str]) -> None:
        stats = self.stats
        unique = set(ids)
        stats.batch_sizes[len(ids)] += 1
        stats.ids_received += len(ids)
        stats.repeated_ids_in_request += len(ids) - len(unique)
        stats.over_limit += len(ids) > MAX_IDS
        # In the order of the request, which `GET /world` shows.
        stats.ids_sent_again += self._worlds[org].receive(dict.fromkeys(ids), self._traits)

    def _outage_answer(self, call: ActivateCall) -> Answer | None:
        """The answer during an outage, before any check; None if there is none."""
        if self.config.outage is None:
            return None
        self.stats.by_fault[self.config.outage] += 1
        return self._fault_answer(BY_NAME[self.config.outage], call)

    def _refusal(self, call: ActivateCall, now: float) -> Answer | None:
        """The answer if a check refuses the request; None if it is admitted."""
        config = self.config
        if not self.exchange.grants.is_valid(call.authorization, now) or self._node_lacks_token():
            return self._error(
                HTTPStatus.UNAUTHORIZED, "Unauthorized: the access token is missing or invalid"
            )
        if config.orgs and call.org not in config.orgs:
            return self._error(HTTPStatus.NOT_FOUND, f"Organization {call.org} not found")
        if config.forbid:
            return self._error(HTTPStatus.FORBIDDEN, "User has no permission in the organization")
        if wait := self._buckets[call.org].take(self._limit, now):
            headers = retry_after(config.retry_after, wait, self._wall())
            return self._error(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests", headers)
        if call.content_type != "application/json":
            return self._error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json")
        if call.too_large:
            return self._error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large")
        if not call.ids:
            return self._error(HTTPStatus.BAD_REQUEST, 'The body must be {"ids": [...]} with at least one id')
        if len(call.ids) > MAX_IDS:
            return self._error(HTTPStatus.BAD_REQUEST, f"{len(call.ids)} ids, at most {MAX_IDS} are allowed")
        return None

    def _node_lacks_token(self) -> bool:
        """Whether this request meets a node that does not know its valid access token."""
        share = self.config.token_refusals
        return share > 0 and self._dice.roll("node", str(self.stats.requests)) < share

    def _answer_admitted(self, call: ActivateCall, ids: list[str], now: float) -> Answer:
        """The answer to an admitted request. `ids` are unique."""
        world = self._worlds[call.org]
        self.stats.admitted.add(now)
        # A repeated batch gets a new roll; the order of requests has no influence.
        subject = f"{world.admit(ids)} {ids[0]}"
        fault = self._roll(subject)
        if not fault.done:
            return self._fault_answer(fault, call)
        if world.poisoned(ids):
            return self._error(self.config.poison_status, "The request could not be processed")
        result = world.activate(ids)
        if fault.status != HTTPStatus.OK or fault.wire in {Wire.CLOSE, Wire.RESET}:
            return self._fault_answer(fault, call)
        answer = lists_answer(fault.distort(result, self._dice.roll("struck", subject)))
        return replace(answer, body=fault.spoil(answer.body), wire=fault.wire, headers=dict(fault.headers))

    def _roll(self, subject: str) -> Fault:
        if not self.config.faults:
            return NO_FAULT
        fault = self._faults.roll(self._dice.roll("fault", subject))
        if fault is not NO_FAULT:
            self.stats.by_fault[fault.name] += 1
        return fault

    def _fault_answer(self, fault: Fault, call: ActivateCall) -> Answer:
        if fault.page is not None:
            return page_answer(fault.status, fault.page)
        message = f"{fault.help} {call.authorization}" if fault.echo else fault.help
        return error_answer(fault.status, message, self._request_id(), wire=fault.wire)

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> Answer:
        return error_answer(status, message, self._request_id(), headers=headers)

    def _request_id(self) -> str:
        return f"{self.stats.requests:032x}"

    def _delay(self) -> float:
        config = self.config
        chance = self._dice.roll("jitter", str(self.stats.requests)) if config.jitter else 0.0
        return (config.latency + config.jitter * chance) / 1000
