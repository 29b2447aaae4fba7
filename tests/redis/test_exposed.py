"""A Redis that others could read or break causes warnings."""

from pathlib import Path

from tests.e2e.stack import Simulator, Stack, until
from tests.redis.guarded import redis_server
from tests.servers import valkey9
from worker.core.vulnerable import warning
from worker.doctor.store import check_store
from worker.settings import load
from worker.store import server

EXPOSED = "on another host and reached without a password and TLS"


def test_a_worker_and_the_doctor_warn_of_a_redis_elsewhere_without_password_or_tls(tmp_path: Path) -> None:
    # 127.1 is another host by its looks; the system's resolver takes it for 127.0.0.1.
    with (
        redis_server("appendonly yes") as real,
        Stack(tmp_path, f"redis://127.1:{real.port}/0") as stack,
    ):
        stack.worker(Simulator("http://127.0.0.1:9"))
        examined = stack.cli("doctor", "-o", "json", API_URL="http://127.0.0.1:9")
        until(lambda: EXPOSED in stack.log.read_text())
    warnings = [check["message"] for check in examined.json()["checks"] if check["status"] == "warning"]
    assert any(EXPOSED in warning for warning in warnings)


def test_what_a_redis_elsewhere_lacks_is_named_without_its_password() -> None:
    with redis_server("appendonly yes") as real, real.admin() as client:
        near = f"redis://127.0.0.1:{real.port}/0"
        assert server.check_server(client, near) == []
        # What a URL says decides; whose address this machine has does not.
        (told,) = server.check_server(client, "redis://jobs.example:6379/0")
        assert EXPOSED in told
        assert "rediss://USER:PASSWORD@HOST" in told
        (told,) = server.check_server(client, "redis://:hunter2@jobs.example:6379/0")
        assert "without TLS" in told
        assert "hunter2" not in told


def test_the_doctor_names_known_holes_of_the_server() -> None:
    # Debian's has the number of a release with holes, which a distribution may have mended.
    with redis_server("appendonly yes") as real, real.admin() as client:
        product, version = server.product_of(client.info("server"))
        known = warning(product, version, tls=False)
        settings = load(redis_url=f"redis://127.0.0.1:{real.port}/0")
        warned = [check.message for check in check_store(settings) if check.status == "warning"]
    assert product == "redis"
    if version < (7, 2):
        assert known is not None
        assert "CVE-2025-49844 'RediShell'" in known
    assert (known in warned) is (known is not None)


def test_valkey_is_named_by_its_own_version() -> None:
    """As `redis_version` it tells that of the Redis that it stems from."""
    with valkey9() as real:
        server = next(
            check for check in check_store(load(redis_url=real.server.url)) if check.name == "redis"
        )
    assert server.message.startswith("Valkey 9.")
