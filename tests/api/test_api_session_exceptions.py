"""The translation of the HTTP library's exceptions is complete."""

import inspect
import ssl
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from worker.api.session import no_reply

URL = "https://user:hunter2-the-password@secret-host.test/path?token=hunter2"

BEFORE_SENDING = {
    "ClientConnectorError",
    "ClientConnectorDNSError",
    "ClientProxyConnectionError",
    "UnixClientConnectorError",
    "ClientSSLError",
    "ClientConnectorSSLError",
    "ClientConnectorCertificateError",
    "ConnectionTimeoutError",
    "InvalidURL",
    "InvalidUrlClientError",
    "InvalidUrlRedirectClientError",
}
"""All that is raised while a connection is made, or before. For any other the request may have arrived."""

NAMES = {
    "NO_CONNECTION",
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
def test_each_exception_of_the_library_has_a_name_and_is_sent_unless_it_cannot_be(
    kind: type[Exception],
) -> None:
    reply = no_reply(made(kind))
    assert reply.name in NAMES
    assert reply.sent is (kind.__name__ not in BEFORE_SENDING)
    assert (reply.name == "NO_CONNECTION") is not reply.sent
    assert reply.message
    assert "hunter2" not in reply.message
    assert "secret-host" not in reply.message


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
def test_what_is_raised_on_the_way_may_have_been_acted_upon(error: Exception, name: str) -> None:
    reply = no_reply(error)
    assert (reply.name, reply.sent) == (name, True)


def test_the_list_of_those_before_sending_names_what_exists() -> None:
    assert {kind.__name__ for kind in KINDS} >= BEFORE_SENDING
