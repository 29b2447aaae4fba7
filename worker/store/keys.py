"""Every key that this project writes to Redis, besides Celery's own.

All keys of a job share one hash tag, so that one Lua step may touch any of them.

    bulk:{JOB}:job             hash    the job: request, state, counters (see scripts/lib/job.lua)
    bulk:{JOB}:history         list    its changes of state, JSON, bounded
    bulk:{JOB}:ids:N           string  slice N's ids, packed (worker/core/batches/slices.py)
    bulk:{JOB}:out:N           string  outcomes          } one value a slice,
    bulk:{JOB}:bat:N           string  batches           } laid out in
    bulk:{JOB}:why:N           string  reasons           } worker/core/batches/record.py
    bulk:{JOB}:exc:N           string  exceptions        }
    bulk:{JOB}:slice:N         hash    who works on slice N (see scripts/lib/job.lua)
    bulk:{JOB}:claimed         zset    slices claimed, by the end of their lease
    bulk:{JOB}:waiting         zset    unclaimed slices, by when a message for each is to be sent (again)
    bulk:{JOB}:skipped         hash    chunk number -> packed rows of duplicates and malformed lines
    bulk:{JOB}:reasons         hash    reason text -> its number
    bulk:{JOB}:tally           hash    reason's number -> ids
    bulk:{JOB}:samples         hash    reason's number -> a few ids
    bulk:{JOB}:timeline        hash    bucket -> sent, settled, throttled, held ms, allowed rates
    bulk:{JOB}:family          list    jobs made by `retry` of it or of one of them, in order
    bulk:jobs                  zset    job ids by time of creation
    bulk:live                  set     job ids that are not at rest
    bulk:notify                zset    job ids with a change to show (scripts/job/lease_notifications.lua)
    bulk:totals                hash    sums over all jobs, for the metrics (worker/store/metrics_snapshot.py)
    bulk:purging               hash    job id -> slices still to remove of a job that is gone
    bulk:request:KEY           string  the job that a request id made
    bulk:budget:HOST:ORG       hash    the rate budget of an organization (see scripts/lib/budget.lua)
    bulk:budget:HOST:ORG:workers       the RateConfig of each of its live workers
    bulk:budget:HOST:ORG:jobs          what its jobs asked for in the last seconds
    bulk:exchange:HOST:ORG     hash    whose turn it is to exchange its API token (scripts/exchange/begin.lua)
    bulk:workers               zset    worker processes by their last heartbeat
    bulk:doctor                string  what `doctor` tried to write
    bulk:scopes                zset    what worker processes serve, by the last heartbeat of one that does

Two channels: bulk:holds, which announces each hold of a budget as it begins, and bulk:doctor.
"""

from collections.abc import Iterable
from typing import Final

from worker.core.ids import is_job_id

JOBS: Final = "bulk:jobs"
LIVE: Final = "bulk:live"
PURGING: Final = "bulk:purging"
NOTIFY: Final = "bulk:notify"
TOTALS: Final = "bulk:totals"
DROPPED: Final = "dropped_messages"
"""The field of `TOTALS` that counts messages in the queue that were not ours."""
WORKERS: Final = "bulk:workers"
SCOPES: Final = "bulk:scopes"
TRIAL: Final = "bulk:doctor"

PER_SLICE: Final = ("ids", "out", "bat", "why", "exc", "slice")
PER_JOB: Final = (
    "job",
    "history",
    "claimed",
    "waiting",
    "skipped",
    "reasons",
    "tally",
    "samples",
    "timeline",
    "family",
)


def job_ids(members: Iterable[bytes]) -> list[str]:
    """The members of a set that have the form of a job's id: only these may become parts of keys.

    Others were not written by this program. They are left in place, and the metrics count them.
    """
    texts = (member.decode(errors="replace") for member in members)
    return [text for text in texts if is_job_id(text)]


def job(job_id: str, part: str = "job") -> str:
    return f"bulk:{{{job_id}}}:{part}"


def of_slice(job_id: str, part: str, number: int) -> str:
    return f"bulk:{{{job_id}}}:{part}:{number}"


def request(request_id: str) -> str:
    return f"bulk:request:{request_id}"


def budget(host: str, org_id: str, part: str = "") -> str:
    return f"bulk:budget:{host}:{org_id}" + (f":{part}" if part else "")


def exchange(host: str, org_id: str) -> str:
    return f"bulk:exchange:{host}:{org_id.lower()}"
