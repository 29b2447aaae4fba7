"""Every page: no violation that axe finds, nothing wider than the screen, and all of it by keyboard."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from producers import Client
from tests.e2e.stack import ORG, new_ids
from tests.servers import missing
from tests.web.browser.conftest import Open, World

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = "<img src=x onerror=alert(1)> \u202egnp.exe " + 60 * "unbroken"


@pytest.fixture(scope="module")
def paths(world: World) -> Iterator[list[str]]:
    """Pages of every kind, with a hostile job among them."""
    with Client(redis_url=world.stack.redis_url, actor=HOSTILE) as client:
        # At one request a second it is not done before it is paused.
        with world.rate(1):
            ids = [HOSTILE[-100:], "another-id", *new_ids(300)]
            job = client.submit(ids, org_id=ORG, labels={HOSTILE: HOSTILE})
            job.pause(HOSTILE)
        yield [
            "/",
            "/?state=preparing",
            "/new",
            "/nowhere",
            f"/jobs/{job.id}",
            f"/jobs/{job.id}/ids?id=another-id",
        ]


def check(page: "Page") -> None:
    try:
        from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 -- not installed everywhere.
    except ModuleNotFoundError:
        missing("axe-playwright-python")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider == 0, page.url


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
def test_every_page_is_for_everybody(
    world: World, open_page: Open, paths: list[str], scheme: str, width: int
) -> None:
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    for path in paths:
        page.goto(path)
        check(page)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Key").wait_for()
    check(page)
    world.trouble.clear()


def test_a_job_is_steered_by_keyboard_alone(world: World, open_page: Open, paths: list[str]) -> None:
    page = open_page()
    page.goto(paths[4])
    stops = []
    for _ in range(14):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.innerText || document.activeElement.id"))
    assert stops[:4] == ["Skip to the content", "Jobs", "New job", "Sign out"]
    wanted = ["reason", "Resume", "Cancel", "id", "Find", "CSV"]
    assert [stop for stop in stops if stop in wanted] == wanted
