"""What people do on the page, in Chromium."""

import json
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from producers import Client
from tests.e2e.stack import ORG, new_ids, until
from tests.web.browser.conftest import Open, World

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE = 60_000
"""Milliseconds for what workers do."""

NOTE_SHIFTS = """() => {
  window.shifted = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((each) => (shifted += each.value))).observe({
    type: "layout-shift",
  });
}"""
"""Sums up how far the layout jumps from now on (W3C Layout Instability)."""


def submitted(world: World, count: int) -> str:
    """A new job, by the client."""
    with Client(redis_url=world.stack.redis_url) as client:
        return client.submit(new_ids(count), org_id=ORG).id


def path_of(page: "Page") -> str:
    return str(page.url).partition("://")[2].partition("/")[2]


def state_of(page: "Page", state: str) -> None:
    """Waits until the page shows the state."""
    page.locator(".card .state", has_text=re.compile(f"^{state}$")).wait_for(timeout=PATIENCE)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_list_becomes_a_job_that_is_watched_paused_and_resumed_to_its_end(
    world: World, open_page: Open, tmp_path: Path, scripts: bool
) -> None:
    page = open_page(java_script_enabled=scripts)
    page.get_by_role("link", name="New job").first.click()
    ids = new_ids(1500)
    file = tmp_path / "ids.csv"
    file.write_text("token,owner\n" + "".join(f"{each},someone\n" for each in ids) + "two words,x\n")
    page.get_by_label("Organization").fill(ORG)
    page.get_by_label("Column").fill("token")
    page.get_by_label("List").set_input_files(file)
    page.get_by_role("button", name="Check").click()
    page.get_by_text("1,500 ids will be activated; 1 line cannot be read.").wait_for()
    with world.rate(1):
        page.get_by_role("button", name="Activate").dblclick()
        page.wait_for_url("**/jobs/*")
        job = path_of(page)
        reason = page.get_by_label("Reason")
        # Without a reason the browser asks for one.
        page.get_by_role("button", name="Pause").click()
        assert path_of(page) == job
        reason.fill("wait for the API's provider")
        page.get_by_role("button", name="Pause").click()
        state_of(page, "paused")
        page.get_by_text("Paused by operator: wait for the API's provider.").wait_for()
        assert page.get_by_role("button", name="Pause").count() == 0
    page.get_by_label("Reason").fill("they are ready")
    page.get_by_role("button", name="Resume").click()
    if not scripts:
        while page.locator(".card .state").inner_text() != "completed":
            page.reload()
    state_of(page, "completed")
    assert page.locator(".tiles").get_by_text("100 %").count() == 1
    with Client(redis_url=world.stack.redis_url) as client:
        assert client.job(job.partition("/")[2]).report().manifest.malformed == 1
        created = [each for each in client.summaries() if each.counts["total"] == len(ids)]
        assert len([each for each in created if each.job_id in job]) == 1


def test_progress_is_live_without_a_flicker_and_what_is_typed_stays(world: World, open_page: Open) -> None:
    page = open_page()
    with world.rate(10):
        page.goto(f"/jobs/{submitted(world, 3000)}")
        types_while_it_runs(page)


def types_while_it_runs(page: "Page") -> None:
    page.get_by_label("Find an id").fill("half an i")
    page.get_by_label("Reason").fill("I am typing")
    page.get_by_label("Reason").focus()
    page.evaluate(NOTE_SHIFTS)
    # What was there stays the same element while its text changes.
    page.evaluate("window.seen = document.querySelector('.tiles strong')")
    first = page.evaluate("seen.textContent")
    until(lambda: page.evaluate("seen.textContent") != first)
    assert page.evaluate("seen.isConnected")
    # Google's Web Vitals call a sum of less than 0.1 good.
    assert page.evaluate("shifted") < 0.1
    assert page.get_by_label("Find an id").input_value() == "half an i"
    assert page.get_by_label("Reason").input_value() == "I am typing"
    assert page.evaluate("document.activeElement.id") == "reason"
    page.get_by_role("button", name="Cancel").click()
    state_of(page, "cancelled")
    # The stream has ended, and nothing is read any more.
    assert page.locator("[data-live]").get_attribute("data-live") == ""


def test_what_failed_is_found_downloaded_and_tried_again(world: World, open_page: Open) -> None:
    page = open_page()
    job = submitted(world, 600)
    page.goto(f"/jobs/{job}")
    state_of(page, "completed")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of what is not active").click()
    rows = Path(download.value.path()).read_text().splitlines()
    assert download.value.suggested_filename == f"{job}.csv"
    failed = rows[1].split(",")
    page.get_by_label("Find an id").fill(failed[1])
    page.get_by_role("button", name="Find").click()
    page.get_by_role("heading", name=f"Id {failed[1]}").wait_for()
    assert failed[3] in page.locator("main").inner_text()
    page.get_by_role("link", name=f"Back to job {job}").click()
    with page.expect_download() as whole:
        page.get_by_role("link", name="NDJSON").click()
    assert len([json.loads(line) for line in Path(whole.value.path()).read_text().splitlines()]) == 600
    page.get_by_label("Reason").fill("they were restored")
    page.get_by_role("button", name="Retry").click()
    page.wait_for_url(lambda url: "/jobs/" in url and job not in url)
    page.get_by_text("reason they were restored").first.wait_for()
    state_of(page, "completed")
    assert page.locator(".tiles").get_by_text(f"of {len(rows) - 1}").count() > 0


def test_the_list_of_jobs_is_live_too(world: World, open_page: Open) -> None:
    page = open_page()
    page.goto("/")
    job = submitted(world, 100)
    page.locator(f"#job-{job}", has_text="completed").wait_for(timeout=PATIENCE)
    page.get_by_label("State").select_option("paused")
    page.get_by_role("button", name="Show").click()
    assert page.get_by_text(job).count() == 0


def test_updates_that_stop_are_said_and_go_on(world: World, open_page: Open) -> None:
    page = open_page()
    with world.rate(10):
        page.goto(f"/jobs/{submitted(world, 3000)}")
        loses_its_server(page)
    world.trouble.clear()


def loses_its_server(page: "Page") -> None:
    page.route("**/*", lambda route: route.abort())
    page.get_by_text("Live updates stopped. Connecting again").first.wait_for()
    page.unroute("**/*")
    page.get_by_text("Live updates stopped").first.wait_for(state="hidden")
    page.get_by_label("Reason").fill("it was seen")
    page.get_by_role("button", name="Cancel").click()
    state_of(page, "cancelled")


def test_a_link_from_elsewhere_finds_the_session(world: World, open_page: Open) -> None:
    page = open_page()
    job = submitted(world, 10)
    # As a page of another site would: the strict cookie does not come along.
    page.goto("data:text/html,<title>chat</title>")
    page.evaluate(f"location.href = '{world.server.url}/jobs/{job}'")
    page.get_by_role("heading", name=f"Job {job}").wait_for()


def test_signing_out_takes_everything_along(world: World, open_page: Open) -> None:
    page = open_page("viewer")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Key").wait_for()
    page.goto("/")
    page.get_by_label("Key").fill(f"bulk_{uuid.uuid4()}")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("This key does not hold").wait_for()
    world.trouble.clear()
