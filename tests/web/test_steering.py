"""What changes a job over HTTP."""

import httpx
import pytest

from producers import Client
from tests.e2e.stack import ORG
from tests.web.conftest import Submit
from tests.web.served import code_of

JSON = {"Content-Type": "application/json"}


def test_a_job_is_paused_resumed_and_cancelled_and_a_repeat_changes_nothing(
    admin: httpx.Client, submit: Submit
) -> None:
    path = f"/api/v1/jobs/{submit()['job_id']}"
    for control, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        answers = [admin.post(f"{path}/{control}", json={"reason": f"to {control}"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert [answer.json()["state"] for answer in answers] == [state, state]
        assert answers[0].json()["history"] == answers[1].json()["history"]
        assert answers[0].json()["history"][-1]["message"] == f"to {control}"
    for control in ("pause", "resume"):
        refused = admin.post(f"{path}/{control}")
        assert code_of(refused) == (409, "illegal_state_change")
        assert "cancelled" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[]", (400, "bad_input")),
        (b'{"reason": 5}', (400, "bad_input")),
        (b'{"resaon": "x"}', (400, "bad_input")),
        (b"{", (400, "bad_input")),
        (b'"\xff"', (400, "bad_input")),
        (b'{"reason": "' + b"x" * 1001 + b'"}', (400, "bad_input")),
        (b'{"reason": "' + b"x" * 70_000 + b'"}', (413, "too_large")),
    ],
)
def test_a_body_that_cannot_be_used_changes_nothing(
    admin: httpx.Client, submit: Submit, body: bytes, expected: tuple[int, str]
) -> None:
    path = f"/api/v1/jobs/{submit()['job_id']}"
    refused = admin.post(f"{path}/pause", content=body, headers={"Content-Type": "application/json"})
    assert code_of(refused) == expected
    assert admin.get(path).json()["state"] == "queued"
    as_text = admin.post(f"{path}/pause", content=b"{}", headers={"Content-Type": "text/plain"})
    assert code_of(as_text) == (415, "unsupported_media_type")


def test_a_retry_makes_a_child_once_the_job_rests(admin: httpx.Client, submit: Submit) -> None:
    job = submit(30)["job_id"]
    assert code_of(admin.post(f"/api/v1/jobs/{job}/retry")) == (409, "illegal_state_change")
    admin.post(f"/api/v1/jobs/{job}/cancel")
    made = admin.post(f"/api/v1/jobs/{job}/retry?outcome=not_attempted,failed")
    assert made.status_code == 201
    child = made.json()
    assert made.headers["location"] == f"/api/v1/jobs/{child['job_id']}"
    assert (child["parent_job_id"], child["counts"]["total"]) == (job, 30)
    assert code_of(admin.post(f"/api/v1/jobs/{job}/retry?outcome=activated")) == (400, "bad_input")


def test_the_weight_is_changed_until_the_job_rests(
    admin: httpx.Client, submit: Submit, client: Client
) -> None:
    path = f"/api/v1/jobs/{submit()['job_id']}"
    assert admin.patch(path, json={"weight": 5}).json()["job_id"] == path.rpartition("/")[2]
    store = client._session.store
    assert store.field(path.rpartition("/")[2], "weight") == "5"
    assert admin.patch(path, content=b'{"weight": 7.0}', headers=JSON).status_code == 200
    wrong: object
    for wrong in ({"weight": 0}, {"weight": 101}, {"weight": "5"}, {"weight": 1.5}, {"weight": True}, {}, []):
        assert code_of(admin.patch(path, json=wrong)) == (400, "bad_input")
    assert code_of(admin.patch(path, content=b"")) == (415, "unsupported_media_type")
    admin.post(f"{path}/cancel")
    assert code_of(admin.patch(path, json={"weight": 6})) == (409, "illegal_state_change")


def test_a_job_is_removed_once_it_rests(admin: httpx.Client, submit: Submit) -> None:
    path = f"/api/v1/jobs/{submit()['job_id']}"
    assert code_of(admin.delete(path)) == (409, "illegal_state_change")
    admin.post(f"{path}/cancel")
    removed = admin.delete(path)
    assert (removed.status_code, removed.content) == (204, b"")
    assert code_of(admin.delete(path)) == (404, "no_such_job")


def test_the_rate_is_ordered_and_read(admin: httpx.Client, client: Client) -> None:
    path = f"/api/v1/orgs/{ORG}/rate"
    for body, configured in (({"rate": 50}, 50.0), ("auto", "auto"), ({"rate": "auto"}, "auto"), (7.5, 7.5)):
        answer = admin.put(path, json=body)
        assert (answer.status_code, answer.json()["configured"]) == (200, configured)
        assert admin.get(path).json() == answer.json()
        assert client.rate(ORG).configured == configured
    admin.put(path, json="default")
    assert set(admin.get(path).json()) == {"configured", "current", "held_until"}
    wrong: object
    for wrong in ("fast", 0, -1, {"rate": None}, {"rate": 1e9}, [], True):
        assert code_of(admin.put(path, json=wrong)) == (400, "bad_input")
    assert code_of(admin.get("/api/v1/orgs/no-guid!/rate")) == (400, "bad_input")
