"""What can go wrong, done for real: each fault strikes, lasts for a while, and is mended.

Each tells how many sendings of ids it explains that would not have been without it, and of how many ids the
store may have forgotten what it knew.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Final, NamedTuple

import redis

from tests.e2e.stack import BULK_ACTIVATE, ORG, TIMEOUT, Simulator, Stack, new_ids, until
from tests.faults.messages import junk
from tests.faults.middlebox import OWN, Middlebox
from tests.faults.scene import Scene, frozen, pids_of
from tests.redis.distance import far_away
from worker.core.batches.batch import MAX_BATCH
from worker.queue import messages
from worker.settings import load
from worker.store import keys
from worker.store.script_calls import Ticket


class Explained(NamedTuple):
    sent_again: int = 0
    """Ids."""
    forgotten: int = 0
    """Ids."""


Fault = Callable[[Scene, Random], Explained]

WORKERS: Final = 2
"""As many are kept at work."""

ENDED: Final = {0, -signal.SIGTERM}
"""Exit codes of a worker that was told to end; the second while it still started and held nothing."""

LOST_SECONDS: Final = 2.0
"""Of the record, at most, when the machine of a Redis with `appendfsync everysec` loses its power."""


def pool_process_dies(scene: Scene, rng: Random) -> Explained:
    """SIGKILL to one process of a worker; its parent starts another."""
    worker = rng.choice(scene.workers)
    parent, *pool = pids_of(worker)
    with scene.still() as unrecorded:
        os.kill(rng.choice(pool or [parent]), signal.SIGKILL)
    if not pool:
        worker.wait()
        scene.forget(worker)
        scene.work(2)
    return Explained(sent_again=len(unrecorded))


def worker_dies(scene: Scene, rng: Random) -> Explained:
    """SIGKILL to a whole worker; another is started."""
    with scene.still() as unrecorded:
        scene.destroy(rng.choice(scene.workers))
    scene.work(rng.choice((1, 2)))
    return Explained(sent_again=len(unrecorded))


def all_workers_die(scene: Scene, rng: Random) -> Explained:
    with scene.still() as unrecorded:
        for worker in list(scene.workers):
            scene.destroy(worker)
    for _ in range(WORKERS):
        scene.work(rng.choice((1, 2)))
    return Explained(sent_again=len(unrecorded))


def rolling_restart(scene: Scene, rng: Random) -> Explained:
    """SIGTERM to each worker in turn, another started before."""
    for worker in list(scene.workers):
        scene.work(rng.choice((1, 2)))
        assert scene.terminate(worker) in ENDED
    return Explained()


def scale(scene: Scene, rng: Random) -> Explained:
    """Two workers more, and after a while two less."""
    for _ in range(2):
        scene.work()
    time.sleep(rng.uniform(2, 6))
    for _ in range(2):
        assert scene.terminate(rng.choice(scene.workers)) in ENDED
    return Explained()


def worker_freezes(scene: Scene, rng: Random) -> Explained:
    """SIGSTOP past the lease, then woken."""
    worker = rng.choice(scene.workers)
    with frozen(pids_of(worker)):
        time.sleep(rng.uniform(4, 10))
    return Explained(sent_again=scene.in_hand())


def redis_stands_still(scene: Scene, rng: Random) -> Explained:
    with scene.real.paused():
        time.sleep(rng.uniform(1, 12))
    return Explained(sent_again=scene.in_hand())


def redis_pauses(scene: Scene, rng: Random) -> Explained:
    seconds = rng.uniform(1, 10)
    with scene.client() as client:
        client.client_pause(round(1000 * seconds))
    time.sleep(seconds)
    return Explained(sent_again=scene.in_hand())


def redis_restarts(scene: Scene, rng: Random) -> Explained:
    scene.real.stop()
    time.sleep(rng.uniform(0, 10))
    scene.real.start()
    return Explained(sent_again=scene.in_hand())


def redis_dies(scene: Scene, rng: Random) -> Explained:
    scene.real.kill()
    time.sleep(rng.uniform(0, 3))
    scene.real.start()
    return Explained(sent_again=scene.in_hand())


def redis_loses_power(scene: Scene, rng: Random) -> Explained:
    """The last second or so of the append-only file never reached the disk."""
    kept = scene.real.written()
    began = scene.requests()
    time.sleep(rng.uniform(0.2, LOST_SECONDS / 2))
    scene.real.lose_power(kept)
    lost = MAX_BATCH * (scene.requests() - began)
    scene.real.start()
    again = scene.in_hand() + lost
    return Explained(again, forgotten=again)


def connections_are_cut(scene: Scene, rng: Random) -> Explained:
    """Every second for some seconds."""
    with scene.client() as client:
        for _ in range(rng.randint(2, 6)):
            client.client_kill_filter(_type="normal", skipme=True)
            time.sleep(1)
    return Explained(sent_again=scene.in_hand())


def redis_is_full(scene: Scene, rng: Random) -> Explained:
    with scene.client() as client:
        client.config_set("maxmemory", "1mb")
        time.sleep(rng.uniform(1, 10))
        client.config_set("maxmemory", "0")
    return Explained(sent_again=scene.in_hand())


def redis_is_a_replica(scene: Scene, rng: Random) -> Explained:
    """Read-only, as after a failover."""
    with scene.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")  # type: ignore[no-untyped-call]
        time.sleep(rng.uniform(1, 10))
        client.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]
    return Explained(sent_again=scene.in_hand())


def scripts_are_flushed(scene: Scene, _rng: Random) -> Explained:
    with scene.client() as client:
        client.script_flush()
    return Explained()


def messages_come_twice(scene: Scene, rng: Random) -> Explained:
    """A message for every slice that is claimed or waiting, and for some that are done."""
    app = messages.make_app(load(redis_url=scene.real.server.url))
    with app, scene.client() as client:
        for job_id in scene.live_jobs():
            slices = int(client.hget(keys.job(job_id), "slices") or 0)
            messages.send(app, job_id, [Ticket(number, 0) for number in range(slices)] * rng.randint(1, 3))
    return Explained()


def messages_are_lost(scene: Scene, _rng: Random) -> Explained:
    with scene.client() as client:
        client.delete(*(f"{messages.QUEUE}.{number}" for number in range(messages.QUEUES)))
    return Explained()


def job_is_paused(scene: Scene, rng: Random) -> Explained:
    for job_id in scene.live_jobs():
        scene.stack.cli("pause", job_id)
    time.sleep(rng.uniform(0, 3))
    for job_id in scene.live_jobs():
        scene.stack.cli("resume", job_id)
    return Explained()


def job_is_cancelled(scene: Scene, rng: Random) -> Explained:
    """One of its own, beside the others, at any moment of its life; it may have been paused before."""
    ids = new_ids(rng.randint(1, 9000))
    job_id = scene.stack.submit(ids)
    scene.cancelled.add(job_id)
    time.sleep(rng.uniform(0, 3))
    orders = rng.choice((("cancel",), ("pause", "cancel"), ("pause", "resume", "cancel", "cancel")))
    codes = [scene.stack.cli(order, job_id).code for order in orders]
    # It may have been complete before.
    assert codes == [0] * len(orders) or scene.state(job_id) == "completed", codes
    scene.side_jobs[job_id] = ids
    return Explained()


def submitter_dies(scene: Scene, rng: Random) -> Explained:
    """SIGKILL at any moment of its work; the same request then makes a whole job of it."""
    ids = new_ids(rng.randint(1, 3000))
    request = f"soak-{rng.random()}"
    command = [BULK_ACTIVATE, "submit", str(listed(scene.stack, ids)), "--org", ORG, "--request-id", request]
    doomed = scene.stack.start(command)
    time.sleep(rng.uniform(0.2, 1.5))
    doomed.kill()
    doomed.wait()
    scene.stack.children.remove(doomed)
    done = scene.stack.cli(*command[1:])
    assert done.code == 0, done.err
    scene.side_jobs[done.out.strip()] = ids
    return Explained()


def a_middlebox_answers(scene: Scene, rng: Random) -> Explained:
    """Something before the API answers by itself for some seconds, in one of the ways that were seen."""
    box = scene.api
    assert isinstance(box, Middlebox)
    dropped = box.dropped
    box.own = rng.choice(OWN)
    time.sleep(rng.uniform(1, 12))
    box.own = None
    return Explained(sent_again=MAX_BATCH * (box.dropped - dropped))


def a_worker_is_far_from_redis(scene: Scene, rng: Random) -> Explained:
    """It joins the others, works for some seconds, and is told to end."""
    with far_away(scene.real.server.url, rng.uniform(0.05, 0.3), jitter=0.02) as url:
        worker = scene.work(REDIS_URL=url)
        scene.all_ready()
        time.sleep(rng.uniform(2, 10))
        assert scene.terminate(worker) in ENDED
    return Explained()


def redis_is_busy(scene: Scene, rng: Random) -> Explained:
    """With a script of somebody else."""
    with busy(scene):
        time.sleep(rng.uniform(1, 10))
    return Explained(sent_again=scene.in_hand())


@contextmanager
def busy(scene: Scene) -> Iterator[None]:
    """Somebody else's script runs and runs."""
    script = threading.Thread(target=run_for_ever, args=(scene.real.server.url,))
    with scene.client() as client:
        client.config_set("lua-time-limit", "50")
        script.start()
        yield
        client.script_kill()
    script.join()


def run_for_ever(url: str) -> None:
    # No time-out: the answer is that it was killed.
    with redis.Redis.from_url(url, retry=None, socket_timeout=None) as client, suppress(redis.ResponseError):
        client.eval("while true do end", 0)


def poison_is_queued(scene: Scene, rng: Random) -> Explained:
    """Messages that none of ours is, in every queue."""
    with scene.client() as client:
        for number in range(messages.QUEUES):
            client.lpush(f"{messages.QUEUE}.{number}", *rng.sample([blob for _, blob in junk()], 5))
    return Explained()


def poison_is_in_the_sets(scene: Scene, rng: Random) -> Explained:
    """For some seconds: members that are no text, jobs that are none, a value of another type."""
    odd = [b"\xff\xfe", b"a}:b", b"20200101-000000-0000dead"]
    with scene.client() as client:
        client.hset(keys.job("20200101-000000-0000dead"), mapping={"state": "running", "total": "1e400"})
        client.sadd(keys.LIVE, *odd)
        client.zadd(keys.JOBS, dict.fromkeys(odd, 1))
        client.zadd(keys.NOTIFY, dict.fromkeys(odd, 1))
        client.set(keys.job("20200101-000000-0000beef"), "no hash")
        client.sadd(keys.LIVE, "20200101-000000-0000beef")
        time.sleep(rng.uniform(2, 6))
        client.srem(keys.LIVE, *odd, "20200101-000000-0000beef")
        client.zrem(keys.JOBS, *odd)
        client.zrem(keys.NOTIFY, *odd)
        client.delete(keys.job("20200101-000000-0000dead"), keys.job("20200101-000000-0000beef"))
    return Explained()


def a_worker_of_another_api_joins(scene: Scene, rng: Random) -> Explained:
    """It has its eye on the same queue, and takes nothing of what belongs to the other API."""
    with scene.client() as client:
        # A job that nobody has claimed yet may be anybody's.
        until(lambda: all(client.hexists(keys.job(job_id), "api_url") for job_id in scene.live_jobs()))
    worker = scene.stack.worker(Simulator("http://127.0.0.1:9"))
    time.sleep(rng.uniform(3, 10))
    worker.terminate()
    assert worker.wait(TIMEOUT) in ENDED
    scene.stack.children.remove(worker)
    return Explained()


def listed(stack: Stack, ids: list[str]) -> str:
    path = stack.home / "side.txt"
    path.write_text("\n".join(ids))
    return str(path)


FAULTS: Final[tuple[Fault, ...]] = (
    pool_process_dies,
    worker_dies,
    all_workers_die,
    rolling_restart,
    scale,
    worker_freezes,
    redis_stands_still,
    redis_pauses,
    redis_restarts,
    redis_dies,
    redis_loses_power,
    connections_are_cut,
    redis_is_full,
    redis_is_a_replica,
    scripts_are_flushed,
    messages_come_twice,
    messages_are_lost,
    job_is_paused,
    job_is_cancelled,
    submitter_dies,
    a_middlebox_answers,
    a_worker_is_far_from_redis,
    redis_is_busy,
    poison_is_queued,
    poison_is_in_the_sets,
    a_worker_of_another_api_joins,
)
