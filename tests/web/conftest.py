"""One server for all tests that only add jobs of their own."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from producers import Client
from tests.e2e.stack import ORG, new_ids
from tests.servers import RealServer
from tests.web.served import TEXT, Served, served

Submit = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def server(valkey: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("serve")
    with served(valkey.server.url, home, SERVE_MAX_UPLOAD="1MiB") as found:
        yield found
        assert found.end() == 0


@pytest.fixture(scope="session")
def admin(server: Served) -> httpx.Client:
    return server.client("admin")


@pytest.fixture
def client(valkey: RealServer) -> Iterator[Client]:
    """What others see in the same Redis."""
    with Client(redis_url=valkey.server.url) as made:
        yield made


@pytest.fixture
def submit(admin: httpx.Client) -> Submit:
    """Submits new ids; returns the document of the job."""

    def submitted(count: int = 20, *, org: str = ORG, **parameters: Any) -> dict[str, Any]:
        body = "".join(f"{token_id}\n" for token_id in new_ids(count))
        answer = admin.post("/api/v1/jobs", params={"org_id": org, **parameters}, content=body, headers=TEXT)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return submitted
