"""The pages, as the server writes them."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from producers import Client
from tests.e2e.stack import ORG
from tests.web.conftest import Submit
from tests.web.page.browsing import browser, buttons_of, signed_in, text_of
from tests.web.served import OTHER_ORG, Served, served

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> \u202egnp.exe \x1b[2J \"'&"


def test_every_page_has_the_policy_and_nothing_inline(
    server: Served, operator: httpx.Client, submit: Submit
) -> None:
    job = f"/jobs/{submit()['job_id']}"
    answers = [
        operator.get(path) for path in ("/", "/sign-in", job, f"{job}/ids?id=x", "/nowhere", "/jobs/x")
    ]
    answers.append(browser(server).get("/", headers={"Host": "evil.example"}))
    answers.append(browser(server).post("/sign-in", data={"key": "x"}))
    for answer in answers:
        policy = dict(
            part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
        )
        assert policy == POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=)", answer.text)
        assert not re.search(r"(?:src|href|action)=\"(?!/|#)", answer.text)


def test_files_are_served_with_their_tags(server: Served) -> None:
    client = server.client(None)
    for name, media_type in (
        ("page.css", "text/css; charset=utf-8"),
        ("page.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ):
        found = client.get(f"/assets/{name}")
        assert (found.status_code, found.headers["content-type"]) == (200, media_type)
        again = client.get(f"/assets/{name}", headers={"If-None-Match": found.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        packed = client.get(f"/assets/{name}", headers={"If-None-Match": f"W/{found.headers['etag']}"})
        assert packed.status_code == 304
    assert client.get("/assets/../page.py").status_code in {401, 404}
    assert client.get("/assets/nothing.css").status_code == 404


def test_a_foreign_job_is_as_none_at_all(server: Served, submit: Submit) -> None:
    here, elsewhere = submit()["job_id"], signed_in(server, "elsewhere")
    missing = "20200101-000000-00000000"
    for path in ("/jobs/{}", "/jobs/{}/ids?id=x", "/jobs/{}/results.csv", "/jobs/{}/report.html"):
        foreign, none = (elsewhere.get(path.format(job)) for job in (here, missing))
        assert (foreign.status_code, none.status_code) == (404, 404)
        assert text_of(foreign).replace(here, "") == text_of(none).replace(missing, "")
    there = submit(org=OTHER_ORG)["job_id"]
    listed = elsewhere.get("/").text
    assert there in listed
    assert here not in listed


def test_jobs_are_listed_newest_first_by_state_and_in_pages(
    viewer: httpx.Client, operator: httpx.Client, submit: Submit, client: Client
) -> None:
    older, newer = submit()["job_id"], submit()["job_id"]
    client.job(older).pause()
    assert re.findall("jobs/([-0-9a-f]+)", viewer.get("/").text)[:2] == [newer, older]
    paused = viewer.get("/", params={"state": "paused"}).text
    assert older in paused
    assert newer not in paused
    assert viewer.get("/", params={"state": "odd"}).status_code == 400
    assert viewer.get("/", params={"after": "odd"}).status_code == 400
    after = viewer.get("/", params={"after": client.summaries().__next__().position}).text
    assert newer not in after
    assert older in after
    assert "New job" not in viewer.get("/").text
    assert "New job" in operator.get("/").text


def test_a_job_is_shown_with_everything_hostile_escaped(viewer: httpx.Client, client: Client) -> None:
    job = client.acting_as(HOSTILE).submit(
        [f"id-{HOSTILE[:5]}-1", "id-2"], org_id=ORG, labels={"why": HOSTILE}
    )
    job.pause(HOSTILE)
    given = quote(HOSTILE)
    for path in ("/", f"/jobs/{job.id}", f"/jobs/{job.id}/ids?id={given}", f"/?state={given}"):
        page = viewer.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "\u202e" not in page
        assert "\x1b" not in page
    assert "Paused by" in text_of(viewer.get(f"/jobs/{job.id}"))


def test_one_id_is_found_and_explained(viewer: httpx.Client, client: Client) -> None:
    job = client.submit(["first-id", "second-id", "first-id"], org_id=ORG)
    found = viewer.get(f"/jobs/{job.id}/ids", params={"id": " first-id "})
    assert found.status_code == 200
    assert "pending still to be sent Line 1 of the list" in text_of(found)
    assert "Line 3 of the list" in text_of(found)
    missing = viewer.get(f"/jobs/{job.id}/ids", params={"id": "third-id"})
    assert missing.status_code == 404
    assert "This id is not in the list" in text_of(missing)
    assert viewer.get(f"/jobs/{job.id}/ids").status_code == 200


def test_downloads_are_those_of_the_api(viewer: httpx.Client, server: Served, submit: Submit) -> None:
    job, api = submit()["job_id"], server.client("viewer")
    page = viewer.get(f"/jobs/{job}").text
    for name, accept in (("csv", "text/csv"), ("ndjson", "application/x-ndjson")):
        path = f"/jobs/{job}/results.{name}"
        assert f'href="{path}"' in page
        given = viewer.get(path)
        wanted = api.get(f"/api/v1/jobs/{job}/results", headers={"Accept": accept})
        assert given.content == wanted.content
        assert given.headers["content-disposition"] == f'attachment; filename="{job}.{name}"'
    assert viewer.get(f"/jobs/{job}/results.csv?outcome=failed").content.count(b"\n") == 1
    report = viewer.get(f"/jobs/{job}/report.html")
    assert report.content == api.get(f"/api/v1/jobs/{job}/report.html").content


def test_a_reader_sees_nothing_to_press(viewer: httpx.Client, submit: Submit) -> None:
    assert buttons_of(viewer.get(f"/jobs/{submit()['job_id']}")) == ["Sign out", "Find"]


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Served]:
    """A server whose Redis is away."""
    with served("redis://127.0.0.1:1/0", tmp_path) as found:
        yield found


def test_without_redis_the_page_says_what_becomes_of_jobs(away: Served) -> None:
    answer = signed_in(away, "viewer").get("/")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "Jobs are not lost" in text_of(answer)
    assert answer.headers["retry-after"] == "5"
