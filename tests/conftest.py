"""What every test may ask for."""

import os
import signal
from collections.abc import Iterator
from hashlib import sha256

import pytest

from tests.servers import RealServer, valkey9
from worker.settings import PREFIX


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz", type=int, default=20_000, help="Mutated answers to read.")
    parser.addoption("--model", type=int, default=25, help="Histories to try on the store and its model.")
    parser.addoption("--soak", metavar="TIME", help="Strike with random faults for so long, e.g. 30m.")
    parser.addoption("--seed", type=int, default=0, help="Decides which faults strike, and when.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mixes files that wait for processes with those that compute: in the order of folders, the cores would
    have too much to do at first and little at last.
    """
    items.sort(key=lambda item: sha256(item.location[0].encode()).digest())


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_caller() -> None:
    """No test is moved by the settings of whoever runs it, nor by a proxy or an authority of this machine."""
    for name in list(os.environ):
        if name.startswith((PREFIX, "SSL_CERT_")) or name.lower().endswith("_proxy"):
            del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _processes_keep_what_they_compiled() -> None:
    """Hundreds of processes are started: each would compile all of our modules again."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True, scope="session")
def _processes_can_be_interrupted() -> None:
    """A shell that runs the tests in the background ignores SIGINT, and all that it starts inherits that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def valkey() -> Iterator[RealServer]:
    """One Valkey 9 for all tests that only put jobs of their own into it."""
    with valkey9() as real:
        yield real
