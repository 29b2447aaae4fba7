"""Behind sentinels, the death of the master costs a job some seconds and no id."""

from pathlib import Path

from redis.exceptions import RedisError

from tests.e2e.stack import Stack, agree, new_ids, simulator, until
from tests.redis.guarded import watched


def test_a_job_goes_on_with_the_replica(tmp_path: Path) -> None:
    with (
        watched() as servers,
        simulator("--fail", "0.05", "--active", "0.05") as api,
        Stack(tmp_path, servers.url(db=2)) as stack,
    ):

        def completed(job_id: str) -> bool:
            try:
                return bool(stack.report(job_id)["state"] == "completed")
            except RedisError:
                # While they vote.
                return False

        job_id = stack.submit(new_ids(3000))
        worker = stack.worker(api, rate=100)
        until(lambda: api.stats()["requests"] > 30)
        servers.master.kill()
        until(lambda: completed(job_id))
        assert worker.poll() is None
        assert agree(stack.rows(job_id), api.world())
        assert stack.cli("verify", job_id).code == 0
        # The same worker takes messages from the new master.
        later = stack.submit(new_ids(30))
        until(lambda: completed(later))
        with servers.replica.admin() as client:
            assert client.info("replication")["role"] == "master"
            assert client.info("keyspace").keys() == {"db2"}
