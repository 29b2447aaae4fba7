"""The buttons of a job."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from producers import Client
from tests.web.conftest import Submit
from tests.web.page.browsing import buttons_of, signed_in, text_of
from tests.web.served import Served

FRAME = ["Sign out", "Find"]


def pressed(client: httpx.Client, job: str, button: str, **fields: str) -> httpx.Response:
    return client.post(f"/jobs/{job}/{button}", data={"reason": f"to {button}", **fields})


def test_buttons_are_those_that_state_and_role_allow(
    operator: httpx.Client, viewer: httpx.Client, submit: Submit
) -> None:
    job = submit()["job_id"]
    for button, buttons in (
        (None, ["Pause", "Cancel"]),
        ("pause", ["Resume", "Cancel"]),
        ("resume", ["Pause", "Cancel"]),
        ("cancel", ["Retry"]),
    ):
        if button is not None:
            done = pressed(operator, job, button)
            assert (done.status_code, done.headers["location"]) == (303, f"/jobs/{job}")
        shown = operator.get(f"/jobs/{job}")
        assert buttons_of(shown) == [FRAME[0], *buttons, FRAME[1]]
        assert shown.text.count(">Reason</label>") == 1
        assert buttons_of(viewer.get(f"/jobs/{job}")) == FRAME
    page = text_of(operator.get(f"/jobs/{job}"))
    for button in ("pause", "resume", "cancel"):
        assert f"operator to {button}" in page


@pytest.mark.parametrize("button", ["pause", "resume", "cancel", "retry"])
def test_a_button_acts_for_those_alone_who_may(server: Served, submit: Submit, button: str) -> None:
    job, admin = submit()["job_id"], server.client("admin")
    before = admin.get(f"/api/v1/jobs/{job}").json()
    assert pressed(signed_in(server, "viewer"), job, button).status_code == 403
    assert pressed(signed_in(server, "elsewhere"), job, button).status_code == 404
    assert admin.get(f"/api/v1/jobs/{job}").json() == before


def test_a_button_that_came_too_late_says_so_and_leads_back(operator: httpx.Client, submit: Submit) -> None:
    job = submit()["job_id"]
    pressed(operator, job, "cancel")
    late = pressed(operator, job, "resume")
    assert late.status_code == 409
    assert "cancelled" in text_of(late)
    assert f'href="/jobs/{job}"' in late.text
    assert pressed(operator, job, "pause", reason="x" * 1001).status_code == 400


def test_a_retry_is_made_once_for_each_form(operator: httpx.Client, submit: Submit, client: Client) -> None:
    job = submit(30)["job_id"]
    pressed(operator, job, "cancel")
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda _: pressed(operator, job, "retry", form="one"), range(4)))
    (place,) = {answer.headers["location"] for answer in sent}
    child = client.job(place.rpartition("/")[2]).report()
    assert (child.parent_job_id, child.counts["total"]) == (job, 30)
    assert (child.created_by, child.labels) == ("operator", {"reason": "to retry"})
    assert pressed(operator, job, "retry", form="other").headers["location"] != place


def test_a_retry_that_failed_may_be_sent_again(operator: httpx.Client, submit: Submit) -> None:
    job = submit()["job_id"]
    assert pressed(operator, job, "retry", form="one").status_code == 409
    pressed(operator, job, "cancel")
    assert pressed(operator, job, "retry", form="one").status_code == 303


def test_a_body_that_is_no_form_is_refused(operator: httpx.Client, submit: Submit) -> None:
    path = f"/jobs/{submit()['job_id']}/pause"
    assert operator.post(path, json={"reason": "x"}).status_code == 415
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert operator.post(path, content=b"x" * 70_000, headers=form).status_code == 413
    assert operator.post(path, content=b"a=1&" * 30, headers=form).status_code == 400
    assert operator.post(path, content=b"reason=\xff", headers=form).status_code == 400
