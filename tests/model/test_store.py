"""The store against its model, on a real server with several clients.

The suite tries a few histories; `pytest tests/model -n0 --model 20000` as many as it is told.
"""

import asyncio
import sys

import pytest
import redis.asyncio
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.acts import Stores
from tests.model.machine import StoreMachine
from tests.servers import valkey9
from tests.store.job_setup import SCOPE
from worker.store.claims import ClaimStore
from worker.store.connect import async_client, sync_client
from worker.store.jobs import JobStore

CLIENTS = 3
MET = {
    *("Create CREATED", "Create FOUND", "Launch STARTED", "Take CLAIMED", "Take RESTING", "Take TAKEN"),
    *("Commit COMMITTED", "Commit FENCED", "Commit REPEATED", "Purge PURGED", "Purge ILLEGAL"),
    *("Steer paused", "Steer cancelled", "Steer ILLEGAL"),
}
"""Answers without which the histories would show little."""

MANY = 500

AN_HOUR = 3_600_000
"""Milliseconds of a lease that runs out only where a history says so."""


@pytest.mark.timeout(0)
def test_the_store_does_what_its_model_does(pytestconfig: pytest.Config) -> None:
    with (
        valkey9(appendonly="no") as real,
        sync_client(real.server.url) as client,
        asyncio.Runner() as runner,
    ):
        url = real.server.url
        own = [async_client(url) for _ in range(CLIENTS)]

        class Machine(StoreMachine):
            pass

        Machine.client = client
        Machine.stores = [
            Stores(JobStore(sync_client(url)), ClaimStore(each, SCOPE, AN_HOUR)) for each in own
        ]
        Machine.wait = staticmethod(runner.run)  # type: ignore[assignment]
        examples = pytestconfig.getoption("--model")
        bounds = settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        try:
            run_state_machine_as_test(Machine, settings=bounds)
            sys.stdout.write(f"{dict(sorted(Machine.answers.items()))}\n")
            # A few histories may well lack one of them.
            assert examples < MANY or {*Machine.answers} >= MET
        finally:
            runner.run(_close(own))


async def _close(clients: list[redis.asyncio.Redis]) -> None:
    for client in clients:
        await client.aclose()
