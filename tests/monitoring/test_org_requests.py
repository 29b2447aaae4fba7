"""Requests by organization: a counter neither vanishes with its job nor grows into many."""

import uuid
from collections.abc import Iterator

from worker.monitoring.metrics.families import families
from worker.store.metrics_snapshot import MAX_ORGS, MetricsSnapshot, Org

LIVE, RESTS = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


def sent(snapshot: MetricsSnapshot) -> dict[str, float]:
    def samples() -> Iterator[tuple[str, float]]:
        for family in families(snapshot):
            if family.name == "bulk_activate_org_requests":
                yield from ((sample.labels["org"], sample.value) for sample in family.samples)

    return dict(samples())


def test_an_organization_whose_jobs_rest_is_still_counted() -> None:
    totals = {f"sent:{LIVE}": 3, f"sent:{RESTS}": 5, "sent:": 7, "sent:a:b": 7, "r_sent": 8}
    assert sent(MetricsSnapshot(totals, orgs={LIVE: Org(1.0, 0.0)})) == {LIVE: 3, RESTS: 5}
    assert sent(MetricsSnapshot(totals)) == {LIVE: 3, RESTS: 5}
    assert sent(MetricsSnapshot({}, orgs={LIVE: Org(None, 0.0)})) == {LIVE: 0}


def test_those_at_work_come_first_then_those_that_sent_most() -> None:
    others = {f"sent:{uuid.UUID(int=number)}": number for number in range(10, 10 + 2 * MAX_ORGS)}
    told = sent(MetricsSnapshot(others, orgs={LIVE: Org(1.0, 0.0)}))
    assert len(told) == MAX_ORGS
    assert told[LIVE] == 0
    assert min(count for org, count in told.items() if org != LIVE) == 10 + MAX_ORGS + 1
