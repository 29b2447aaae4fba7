"""Options and fixtures for all tests."""

import gc
import os
import signal
from collections.abc import Generator, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from tests.servers import RealServer, valkey9
from worker.settings import PREFIX


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz", type=int, default=20_000, help="Mutated answers to read.")
    parser.addoption("--model", type=int, default=15, help="Histories to try on the store and its model.")
    parser.addoption("--requests", type=int, default=20, help="Made-up requests to each operation of serve.")
    parser.addoption("--hours", type=int, default=0, help="Hours of low limits to simulate, a seed each.")
    parser.addoption("--soak", metavar="TIME", help="Strike with random faults for so long, e.g. 30m.")
    parser.addoption("--seed", type=int, default=0, help="Decides which faults strike, and when.")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keeps the collector of garbage off the objects of all tests, as they stay to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


QUICK = ("core", "limits", "producers", "reports", "settings", "simulator", "store")
"""Folders of tests that compute, and start hardly a process."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mixes tests that wait for processes with those that compute, and leaves some of the latter for the end.

    In the order of folders the cores would be overloaded at first, and idle while the last long tests wait.
    """

    @cache
    def position(path: str) -> float:
        share = int.from_bytes(sha256(path.encode()).digest()[:4], "big") / 2**32
        return 0.8 * share + (0.2 if Path(path).parts[1] in QUICK else 0.0)

    items.sort(key=lambda item: position(item.nodeid.partition("::")[0]))


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_caller() -> None:
    """Removes settings, proxies and authorities of this machine from the environment."""
    for name in list(os.environ):
        if name.startswith((PREFIX, "SSL_CERT_")) or name.lower().endswith("_proxy"):
            del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _processes_keep_what_they_compiled() -> None:
    """Lets the hundreds of processes that tests start share compiled modules."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True, scope="session")
def _processes_can_be_interrupted() -> None:
    """Restores SIGINT, which a shell ignores for background commands, and SIGHUP, which nohup ignores."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session")
def valkey() -> Iterator[RealServer]:
    """One Valkey 9 for all tests that only add jobs of their own."""
    with valkey9() as real:
        yield real
