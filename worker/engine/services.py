"""What a worker process has one of, for all of its slices."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from worker.core.retrying.policy import Policy
from worker.engine.circuit_gate import CircuitGate
from worker.engine.redis_retry import RedisRetry
from worker.store.claims import ClaimStore
from worker.store.script_calls import Ticket
from worker.telemetry.traces import ActivationApi, Tracing

Queue = Callable[[str, Sequence[Ticket]], Awaitable[None]]
"""Sends the messages for slices of a job."""


@dataclass(frozen=True, slots=True)
class Services:
    store: ClaimStore
    api: ActivationApi
    policy: Policy
    queue: Queue
    redis_retry: RedisRetry
    gate: CircuitGate
    tracing: Tracing | None = None
