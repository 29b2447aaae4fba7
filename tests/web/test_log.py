"""What `serve` logs of a request, and what it never does."""

import uuid
from typing import Any

from tests.e2e.stack import ORG, until
from tests.web.served import TEXT, Served


def test_a_request_is_one_line_without_its_key_its_query_and_its_list(server: Served) -> None:
    client, token_id, reason = server.client("operator"), str(uuid.uuid4()), uuid.uuid4().hex
    job = client.post(f"/api/v1/jobs?org_id={ORG}", content=token_id, headers=TEXT).json()["job_id"]
    path = f"/api/v1/jobs/{job}"
    assert client.get(f"{path}/results", params={"id": token_id}).status_code == 200
    client.post(f"{path}/pause", json={"reason": reason})
    server.client(None).get(f"{path}/verify")
    server.client(None).get("/healthz")

    def lines() -> list[dict[str, Any]]:
        return [event for event in server.events() if job in event.get("path", "")]

    # A line is written once the answer is out.
    until(lambda: len(lines()) == 2)
    assert [(line["method"], line["path"], line["status"]) for line in lines()] == [
        ("GET", f"{path}/results", 200),
        ("POST", f"{path}/pause", 200),
    ]
    assert set(lines()[0]) == {
        *("event", "level", "timestamp", "logger"),
        *("method", "path", "status", "seconds", "key"),
    }
    assert {line["key"] for line in lines()} == {"operator"}
    assert not [event for event in server.events() if event.get("path") == "/healthz"]
    log = server.log.read_text()
    assert not any(text in log for text in (token_id, reason, "org_id=", *server.secrets.values()))
