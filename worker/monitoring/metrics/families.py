"""The metrics by name. No label grows without bound: none is a job, a worker or an id.

Organizations are labels of rates, since each has a rate of its own: at most 20 at a time, and few over the
years (`worker.store.metrics_snapshot.MAX_ORGS`). Every exporter on one Redis shows the same values, so
rules and dashboards take the `max` over instances, never the sum.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from worker.core.ids import is_org_id
from worker.core.job import AT_REST, ReasonCode, State
from worker.core.outcome import COUNTED, FINAL
from worker.core.reporting.latency import BOUNDS, BUCKETS
from worker.core.reporting.schema import SECONDS
from worker.store import keys
from worker.store.metrics_snapshot import MAX_ORGS, MetricsSnapshot
from worker.store.store_reader import WORKERS_WITHIN_MS

PREFIX: Final = "bulk_activate_"

_EXPECTED: Final = ("200", "400", "401", "403", "404", "409", "429", "500", "502", "503", "504")
"""Statuses shown from the start with 0: Prometheus misses an increase from no value at all."""

_ENDS: Final = (
    f"{State.COMPLETED}:",
    f"{State.FAILED}:{ReasonCode.ORGANIZATION_FORBIDDEN}",
    f"{State.FAILED}:{ReasonCode.ORGANIZATION_NOT_FOUND}",
    f"{State.FAILED}:{ReasonCode.TOO_MANY_FAILURES}",
    f"{State.EXPIRED}:{ReasonCode.DEADLINE}",
    f"{State.CANCELLED}:{ReasonCode.USER}",
)

_ENDED: Final = frozenset(f"ended:{state}:{reason}" for state in AT_REST for reason in ("", *ReasonCode))

_SENT: Final = "sent:"
"""Prefix of an organization in the name of a total."""

SPOILT: Final = (keys.LIVE, keys.SCOPES, keys.TOTALS, keys.WORKERS, "budget", "job", "queue")

_EXCHANGES: Final = ("granted", "refused", "unavailable", "unshared")

_KNOWN: Final = frozenset(str(int(status)) for status in HTTPStatus)


def families(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    yield from _ids(snapshot)
    yield from _requests(snapshot)
    yield _latency(snapshot)
    yield from _rates(snapshot)
    yield from _jobs(snapshot)
    yield from _work(snapshot)
    yield from _redis(snapshot)


def up(*, answers: bool) -> Metric:
    return _gauge("redis_up", "Whether Redis answered this scrape; if not, it is the only metric.", answers)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, help_text, value=float(value))


def _gauges(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, help_text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _counters(name: str, help_text: str, labels: str, values: Mapping[str, float]) -> Metric:
    """A counter; several labels are separated by spaces, and their values by colons."""
    family = CounterMetricFamily(PREFIX + name, help_text, labels=labels.split())
    for value, count in values.items():
        family.add_metric(value.split(":"), count)
    return family


def _ids(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    settled = {str(name): snapshot.totals.get(f"n_{name}", 0) for name in COUNTED if name in FINAL}
    yield _counters("ids", "Ids settled, by outcome.", "outcome", settled)
    still = {str(name): snapshot.ids_open[name] for name in COUNTED if name not in FINAL}
    yield _gauges("ids_open", "Ids still to settle, of jobs not at rest.", "outcome", still)


def _requests(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    totals = snapshot.totals
    statuses = {name[2:]: count for name, count in totals.items() if name[:2] == "r_" and name[2:].isdigit()}
    timed_out = totals.get("r_timed_out", 0)
    counts = dict.fromkeys(_EXPECTED, 0)
    for status, count in statuses.items():
        label = status if status in _KNOWN else f"{status[:1]}xx"
        counts[label] = counts.get(label, 0) + count
    counts["timed_out"] = timed_out
    counts["no_answer"] = max(0, totals.get("r_sent", 0) - sum(statuses.values()) - timed_out)
    help_text = "Activate requests that went out, by what came back."
    yield _counters("requests", help_text, "status", counts)
    help_text = "Requests that repeat another, by cause: a bad answer, a split, a renewed access token."
    again = {kind: totals.get(f"r_{kind}", 0) for kind in ("retried", "probes", "replayed")}
    yield _counters("requests_again", help_text, "kind", again)
    help_text = (
        "API tokens exchanged, by how; unshared: without a turn among the workers, since Redis was away."
    )
    exchanges = {result: totals.get(f"x_{result}", 0) for result in _EXCHANGES}
    yield _counters("token_exchanges", help_text, "result", exchanges)
    help_text = "Where the time of batches went, in seconds summed over them."
    spent = {phase: totals.get(f"r_ms_{phase}", 0) / 1000 for phase in SECONDS}
    yield _counters("batch_seconds", help_text, "phase", spent)


def _latency(snapshot: MetricsSnapshot) -> Metric:
    buckets, so_far = [], 0
    for name, bound in zip(BUCKETS, (*map(str, BOUNDS), "+Inf"), strict=True):
        so_far += snapshot.totals.get(f"r_{name}", 0)
        buckets.append((bound, float(so_far)))
    total = snapshot.totals.get("r_ms_in_flight", 0) / 1000
    help_text = "Seconds from a request to its answer, or to giving it up."
    return HistogramMetricFamily(PREFIX + "request_seconds", help_text, buckets=buckets, sum_value=total)


def _rates(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    allowed = {name: org.allowed for name, org in snapshot.orgs.items() if org.allowed is not None}
    yield _gauges("rate_allowed", "Requests per second that all workers together may send.", "org", allowed)
    yield _counters("org_requests", "Activate requests that went out.", "org", _sent(snapshot))
    held = {org_id: org.held_seconds for org_id, org in snapshot.orgs.items()}
    yield _gauges("held_seconds", "Seconds that a hold by a 429 still lasts.", "org", held)


def _sent(snapshot: MetricsSnapshot) -> dict[str, float]:
    """Requests sent by organization: those with unfinished jobs first, then those that sent most.

    Organizations without jobs are kept, since removing a counter would lose its last increase.
    """
    sent = {
        name.removeprefix(_SENT): count for name, count in snapshot.totals.items() if name.startswith(_SENT)
    }
    known = filter(is_org_id, sorted(sent, key=lambda org_id: (-sent[org_id], org_id)))
    named = [*snapshot.orgs, *(org_id for org_id in known if org_id not in snapshot.orgs)]
    return {org_id: sent.get(org_id, 0) for org_id in named[:MAX_ORGS]}


def _jobs(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    states = {str(state): snapshot.jobs[state] for state in State if state not in AT_REST}
    yield _gauges("jobs", "Jobs not at rest, by state.", "state", states)
    reasons = {str(reason): snapshot.reasons[reason] for reason in ReasonCode}
    yield _gauges("jobs_reason", "Jobs not at rest that stand so for a reason.", "reason", reasons)
    counted = {name[6:]: count for name, count in snapshot.totals.items() if name in _ENDED}
    ended = dict.fromkeys(_ENDS, 0) | counted
    yield _counters("jobs_ended", "Jobs that came to rest.", "state reason", ended)
    yield _gauge(
        "jobs_live", "Jobs not at rest. Other numbers are of 500 of them at most.", snapshot.jobs_live
    )
    yield _gauge("oldest_job_seconds", "Age of the oldest job not at rest.", snapshot.oldest_seconds)
    help_text = "Longest time without a settled id, of jobs that are to be worked on and not held by a 429."
    yield _gauge("job_idle_seconds", help_text, snapshot.idle_seconds)


def _work(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    slices = {state: snapshot.slices[state] for state in ("waiting", "claimed")}
    yield _gauges("slices", "Slices out to workers: waiting for one, or claimed.", "state", slices)
    yield _gauge("queue_messages", "Messages in the broker's queues.", snapshot.queue)
    alive = sum(abs(1000 * beat) <= WORKERS_WITHIN_MS for beat in snapshot.beats)
    yield _gauge("workers", "Worker processes that gave a sign of life in the last 10 s.", alive)
    beats = {"newest": min(snapshot.beats), "oldest": max(snapshot.beats)} if snapshot.beats else {}
    help_text = "Messages in the queues that were none of ours, and were dropped."
    yield CounterMetricFamily(
        PREFIX + "messages_dropped", help_text, value=snapshot.totals.get(keys.DROPPED, 0)
    )
    yield _gauges("worker_heartbeat_seconds", "Since the last sign of life of a worker.", "of", beats)


def _redis(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    yield _gauge("redis_used_bytes", "Memory that Redis uses.", snapshot.used_bytes)
    help_text = "Memory that Redis may use; that of its machine where it has no limit."
    yield _gauge("redis_max_bytes", help_text, snapshot.max_bytes)
    help_text = "What stands in Redis and was not written by us, or was spoilt, by where."
    yield _gauges("redis_spoilt", help_text, "where", {where: snapshot.spoilt[where] for where in SPOILT})
    help_text = "Whether Redis failed to write its last data to disk."
    yield _gauge("redis_writes_failing", help_text, snapshot.writes_fail)
