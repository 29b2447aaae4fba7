"""One Redis, simulator, worker, server and browser for all journeys."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from producers import Client
from tests.e2e.stack import ORG, Simulator, Stack, simulator
from tests.servers import missing, valkey9
from tests.web.served import Served, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page


class Parts(NamedTuple):
    """What stands behind the page."""

    stack: Stack
    api: Simulator
    server: Served


@dataclass
class World:
    """What the journeys share."""

    stack: Stack
    api: Simulator
    server: Served
    browser: "Browser"
    trouble: list[str] = field(default_factory=list)
    """What pages complained of: errors of scripts, and what their policy refused."""

    def _hear(self, line: "ConsoleMessage") -> None:
        if line.type == "error":
            self.trouble.append(line.text)

    @contextmanager
    def rate(self, requests: float) -> Iterator[None]:
        """Has jobs wait for a test: they are sent at this rate in the block."""
        with Client(redis_url=self.stack.redis_url, api_url=self.api.url) as client:
            client.set_rate(ORG, requests)
            yield
            client.set_rate(ORG, "default")

    @contextmanager
    def page(self, key: str | None = "operator", **options: Any) -> Iterator["Page"]:
        """A page of a browser of its own, signed in with `key`."""
        with self.browser.new_context(base_url=self.server.url, **options) as context:
            page = context.new_page()
            page.on("pageerror", lambda error: self.trouble.append(str(error)))
            page.on("console", self._hear)
            page.set_default_timeout(20_000)
            if key is not None:
                page.goto("/sign-in")
                page.get_by_label("Key").fill(self.server.secrets[key])
                page.get_by_role("button", name="Sign in").click()
                page.wait_for_url("**/")
            yield page


Open = Callable[..., "Page"]


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    home = tmp_path_factory.mktemp("browser")
    with (
        valkey9() as real,
        simulator("--fail", "0.02", "--latency", "20") as api,
        Stack(home, real.server.url) as stack,
        served(real.server.url, home, ORG_ID=ORG) as server,
    ):
        stack.worker(api)
        yield Parts(stack, api, server)


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """A test that finds none is skipped, and fails if CI=true.

    It ends with its module: as long as Playwright runs, no other test of the process can have an event loop.
    """
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- not installed everywhere.
    except ModuleNotFoundError:
        missing("playwright")
    program = shutil.which("chromium")
    if program is None:
        missing("chromium")
    with sync_playwright() as playwright:
        # As root, in CI, its sandbox does not start. It visits pages of ours alone.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def world(chromium: "Browser", parts: Parts) -> World:
    return World(*parts, chromium)


@pytest.fixture
def open_page(world: World) -> Iterator[Open]:
    """Opens a page; in the end nothing that was opened has complained."""
    world.trouble.clear()
    with ExitStack() as pages:
        yield lambda key="operator", **options: pages.enter_context(world.page(key, **options))
    assert world.trouble == []
