"""The translation of the HTTP library's exceptions is complete."""

import inspect
import ssl
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from worker.api.connector import connect_fault
from worker.api.session import no_reply
from worker.core.access.proxy import Proxy, parse_proxy

URL = "https://user:hunter2-the-password@secret-host.test/path?token=hunter2"

PROXY = "http://user:hunter2-the-password@proxy.test:3128"

NAMES = {
    "TIMED_OUT",
    "CONNECTION_CLOSED",
    "ANSWER_CUT_SHORT",
    "CONNECTION_RESET",
    "BAD_ANSWER",
}


def subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for below in kind.__subclasses__():
        yield from subclasses(below)


def made(kind: type[Exception]) -> Exception:
    """An exception of `kind`, with a URL and its password wherever it takes one."""
    request = aiohttp.RequestInfo(URL, "POST", {}, URL)  # type: ignore[arg-type]  # only ever shown.
    key = SimpleNamespace(host="secret-host.test", port=443, ssl=True, is_ssl=True)
    fault: Any = OSError(111, "Connection refused")
    arguments: dict[str, Any] = {"connection_key": key, "os_error": fault, "path": "/run/secret.sock"}
    arguments |= {"request_info": request, "history": (), "url": URL, "message": URL}
    arguments |= {"certificate_error": ssl.SSLCertVerificationError(URL)}
    arguments |= {"expected": b"hunter2", "got": b"hunter2", "host": "secret-host.test", "port": 443}
    if kind.__init__ in {Exception.__init__, OSError.__init__}:
        return kind(URL)
    wanted = inspect.signature(kind.__init__).parameters
    return kind(**{name: value for name, value in arguments.items() if name in wanted})


KINDS = sorted(set(subclasses(aiohttp.ClientError)), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_exception_of_the_library_after_a_connection_has_a_name_and_may_have_been_acted_upon(
    kind: type[Exception],
) -> None:
    reply = no_reply(made(kind))
    assert reply.name in NAMES
    assert reply.sent
    assert_tells_no_secret(reply.message)


@pytest.mark.parametrize("proxy", [None, parse_proxy(PROXY, "https_proxy")], ids=["directly", "by proxy"])
@pytest.mark.parametrize("kind", [*KINDS, TimeoutError, ValueError], ids=lambda kind: kind.__name__)
def test_each_exception_of_the_library_before_a_connection_is_translated(
    kind: type[Exception], proxy: Proxy | None
) -> None:
    message = connect_fault(made(kind), proxy)
    assert_tells_no_secret(message)
    assert (proxy is not None) is ("http://proxy.test:3128 (https_proxy)" in message)


def assert_tells_no_secret(message: str) -> None:
    assert message
    assert "hunter2" not in message
    assert "secret-host" not in message


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (TimeoutError(), "TIMED_OUT"),
        (aiohttp.SocketTimeoutError("read"), "TIMED_OUT"),
        (ConnectionResetError(104, "Connection reset by peer"), "CONNECTION_RESET"),
        (BrokenPipeError(32, "Broken pipe"), "CONNECTION_RESET"),
        (ssl.SSLError(1, "bad record"), "CONNECTION_RESET"),
        (ValueError("a header of the answer"), "BAD_ANSWER"),
    ],
)
def test_after_an_exception_in_flight_the_request_may_have_arrived(error: Exception, name: str) -> None:
    reply = no_reply(error)
    assert (reply.name, reply.sent) == (name, True)
