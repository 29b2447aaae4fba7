"""Makes reports from a job's hash as the store gives it."""

from worker.core.job import State
from worker.core.reporting.report import make_report
from worker.core.reporting.schema import Rate, Report

T0 = 1_795_471_200_000
"""2026-11-23T22:00:00.000Z in milliseconds."""
RATE = Rate("auto", 10.0, None)


def job(state: State = State.RUNNING, **more: object) -> dict[str, str]:
    """The least that a job's hash holds."""
    fields = {"state": state, "id": "J", "org_id": "O", "active_since": T0} | more
    return {name: str(value) for name, value in fields.items()}


def made(fields: dict[str, str], *, now_ms: int = T0, history: list[str] | None = None) -> Report:
    return make_report(fields, history or [], [], RATE, now_ms)
