"""Browsers that have signed in."""

import httpx
import pytest

from tests.web.page.browsing import signed_in
from tests.web.served import Served


@pytest.fixture(scope="session")
def viewer(server: Served) -> httpx.Client:
    return signed_in(server, "viewer")


@pytest.fixture(scope="session")
def operator(server: Served) -> httpx.Client:
    return signed_in(server, "operator")
