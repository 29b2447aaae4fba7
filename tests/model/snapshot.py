"""What is seen of the store and of the model, in the same words, to be held against each other."""

import json
from typing import Any, Final, cast

import redis

from tests.model.world import LIVE, World
from worker.core.job import AT_REST, State
from worker.core.outcome import CODES
from worker.core.reporting.report import counts_of
from worker.store import keys

Snapshot = dict[str, Any]

ENDED: Final = str.maketrans(".?", "NU")
"""How the record of a job at rest is read."""

LEGAL: Final = {
    State.PREPARING: {State.QUEUED},
    State.QUEUED: {
        State.RUNNING,
        State.PAUSED,
        State.CANCELLING,
        State.COMPLETED,
        State.FAILED,
        State.EXPIRED,
    },
    State.RUNNING: {State.PAUSED, State.CANCELLING, State.COMPLETED, State.FAILED, State.EXPIRED},
    State.PAUSED: {
        State.QUEUED,
        State.RUNNING,
        State.CANCELLING,
        State.COMPLETED,
        State.FAILED,
        State.EXPIRED,
    },
    State.CANCELLING: {State.CANCELLED, State.COMPLETED},
}


def of_model(world: World) -> Snapshot:
    return {
        "jobs": {
            job_id: {
                "state": job.state,
                "ending": job.ending,
                "history": job.history,
                "next": job.next,
                "waiting": set(job.waiting),
                "claimed": {number: lease is LIVE for number, lease in job.claimed.items()},
                "parts": [(p.out, p.claim, p.seq, p.mark, p.done) for p in job.parts],
                "sent": job.sent,
                "tally": job.tally,
                "family": job.family,
            }
            for job_id, job in world.jobs.items()
        },
        "live": {job_id for job_id, job in world.jobs.items() if job.state not in AT_REST},
        "requests": {key: job_id for key, (job_id, _) in world.requests.items()},
        "purging": world.purging,
    }


def of_store(client: redis.Redis, world: World) -> Snapshot:
    """`world` says only which jobs and slices to look for."""
    return {
        "jobs": {
            job_id: _job(client, job_id, () if job.state is State.PREPARING else job.sizes)
            for job_id, job in world.jobs.items()
        },
        "live": {job_id.decode() for job_id in cast("set[bytes]", client.smembers(keys.LIVE))},
        "requests": {
            key.decode().removeprefix("bulk:request:"): cast("bytes", client.get(key)).decode().split()[0]
            for key in cast("list[bytes]", client.keys("bulk:request:*"))
        },
        "purging": {
            job_id.decode(): int(left)
            for job_id, left in cast("dict[bytes, bytes]", client.hgetall(keys.PURGING)).items()
        },
    }


def _job(client: redis.Redis, job_id: str, sizes: tuple[int, ...]) -> Snapshot:
    with client.pipeline(transaction=True) as pipe:
        pipe.hgetall(keys.job(job_id))
        pipe.lrange(keys.job(job_id, "history"), 0, -1)
        pipe.zrange(keys.job(job_id, "waiting"), 0, -1)
        pipe.zrange(keys.job(job_id, "claimed"), 0, -1, withscores=True)
        pipe.hvals(keys.job(job_id, "tally"))
        pipe.lrange(keys.job(job_id, "family"), 0, -1)
        pipe.time()
        for number in range(len(sizes)):
            pipe.get(keys.of_slice(job_id, "out", number))
            pipe.hgetall(keys.of_slice(job_id, "slice", number))
        fields, history, waiting, claimed, tally, family, (now, _), *rest = pipe.execute()
    if b"state" not in fields:
        return {}
    text = {name.decode(): value.decode() for name, value in fields.items()}
    state = State(text["state"])
    parts = [
        _part(out, held, size, state) for out, held, size in zip(rest[::2], rest[1::2], sizes, strict=True)
    ]
    outcomes = "".join(out for out, *_ in parts)
    counted = {str(outcome): outcomes.count(code) for outcome, code in CODES.items()}
    assert counts_of(text) == {"total": len(outcomes)} | counted, (counts_of(text), parts)
    assert ("ended_ms" in text) == (state in AT_REST)
    return {
        "state": state,
        "ending": State(json.loads(text["ending"])["state"]) if "ending" in text else None,
        "history": [State(json.loads(entry)["to"]) for entry in history],
        "next": int(text.get("next_slice", 0)),
        "waiting": {int(number) for number in waiting},
        "claimed": {int(number): ends > now * 1000 for number, ends in claimed},
        "parts": parts,
        "sent": int(text.get("r_sent", 0)),
        "tally": sum(map(int, tally)),
        "family": [child.decode() for child in family],
    }


def _part(
    out: bytes | None, held: dict[bytes, bytes], size: int, state: State
) -> tuple[str, int, int, int, bool]:
    outcomes = (out or b"").decode().ljust(size, ".")
    assert len(outcomes) == size, (out, size)
    if state in AT_REST:
        outcomes = outcomes.translate(ENDED)
    claim, seq, mark = (int(held.get(name, 0)) for name in (b"claim", b"seq", b"mark"))
    return outcomes, claim, seq, mark, b"done" in held


def check_by_itself(world: World) -> None:
    """What has to hold whatever the model says: it is looked for in what the store was found to hold."""
    for job_id, job in world.jobs.items():
        edges = list(zip([State.PREPARING, *job.history], job.history, strict=False))
        assert all(to in LEGAL[at] for at, to in edges if at is not to), (job_id, job.history)
        for number, part in enumerate(job.parts):
            somewhere = number in job.waiting or number in job.claimed or number >= job.next
            if job.state not in AT_REST:
                assert part.done or somewhere or not set(".?") & set(part.out), (job_id, number)
            if job.claimed.get(number) is None:
                # Untouched is only what nobody can have sent.
                assert not set(".N") & set(part.out[: part.sendable]), (job_id, number, part)


def keys_left(client: redis.Redis, world: World) -> set[str]:
    """Keys of jobs that are no more."""
    left = set()
    for key in cast("list[bytes]", client.keys("bulk:{*")):
        job_id, part = key.decode()[6:].split("}:", 1)
        name, _, number = part.partition(":")
        if job_id in world.jobs or (number and int(number) < world.purging.get(job_id, 0)):
            continue
        left.add(f"{job_id} {name} {number}")
    return left
