"""The jobs that do not rest, read for the metrics in one round trip."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import redis

from worker.core.ids import is_org_id
from worker.core.job import State
from worker.store import keys
from worker.store.spoilt import answers

_TEXTS: Final = ("state", "org_id", "host", "reason_code", "api_url", "record_version")
_NUMBERS: Final = ("created_ms", "active_since", "moved_ms", "n_pending", "n_ambiguous")
_MAX_COUNT: Final = 2**53
"""The highest number that Lua writes exactly."""


@dataclass(frozen=True, slots=True)
class LiveJob:
    """A job that does not rest, as far as metrics show it."""

    state: State
    org_id: str
    host: str
    fields: Mapping[str, str]
    """Its texts as they are stored, by name."""
    created_ms: int
    moved_ms: int
    """When an id was settled last; before the first, when it was made or resumed."""
    ids_open: Mapping[str, int]
    """Ids not settled, by outcome."""
    slices: Mapping[str, int]
    """Slices in the queue and in work."""


def read_live_jobs(client: redis.Redis, job_ids: Sequence[str], spoilt: Counter[str]) -> list[LiveJob]:
    """The jobs of `job_ids` that are still there. Counts those with a foreign record in `spoilt`."""
    with client.pipeline(transaction=False) as pipe:
        for job_id in job_ids:
            pipe.hmget(keys.job(job_id), (*_TEXTS, *_NUMBERS))
            pipe.zcard(keys.job(job_id, "waiting"))
            pipe.zcard(keys.job(job_id, "claimed"))
        found = answers(pipe)
    jobs = []
    for values, waiting, claimed in zip(found[::3], found[1::3], found[2::3], strict=True):
        if not isinstance(values, Exception) and values[0] is None:
            continue
        try:
            jobs.append(_job(values, waiting, claimed))
        except (ValueError, TypeError):
            spoilt["job"] += 1
    return jobs


def _job(values: Sequence[bytes | None], waiting: int, claimed: int) -> LiveJob:
    """`values`: those of `_TEXTS`, then of `_NUMBERS`.

    Raises `ValueError` and `TypeError` for values that were not written by this program.
    """
    texts, numbers = values[: len(_TEXTS)], values[len(_TEXTS) :]
    fields = {name: value.decode() for name, value in zip(_TEXTS, texts, strict=True) if value is not None}
    state, org_id, host = (fields.get(name, "") for name in ("state", "org_id", "host"))
    created, active, moved, pending, ambiguous = (_number(value) for value in numbers)
    if not is_org_id(org_id):
        raise ValueError("no organization")
    slices = {"waiting": _number(waiting), "claimed": _number(claimed)}
    ids_open = {"pending": pending, "ambiguous": ambiguous}
    return LiveJob(State(state), org_id, host, fields, created, max(created, active, moved), ids_open, slices)


def _number(value: bytes | int | None) -> int:
    number = float(value or 0)
    if not 0 <= number <= _MAX_COUNT:
        raise ValueError("no count")
    return int(number)
