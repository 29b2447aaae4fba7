"""The socket that the server listens on, and the names that its address has."""

import contextlib
import socket
from typing import Final

from producers.web.limits import Limits
from worker.core.errors import BadInputError
from worker.settings import LOOPBACK

_EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- it is the user who binds to them.
"""They include those of loopback."""


def listening(host: str, port: int, limits: Limits) -> contextlib.closing[socket.socket]:
    """A socket at the address. Raises `BadInputError` where that cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Of this protocol asyncio knows that small answers must not wait (TCP_NODELAY).
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise BadInputError(f"--host {host}: {error.strerror}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _cut_unread(listener, limits.unread)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        listener.close()
        raise BadInputError(
            f"--host {host} --port {port}: cannot listen there ({getattr(error, 'strerror', error)})"
        ) from None
    return contextlib.closing(listener)


def _cut_unread(listener: socket.socket, seconds: float) -> None:
    """Has the system cut connections whose client reads nothing for so long, where it can."""
    # A connection that is accepted has the options of its listener. Linux has this one, macOS has not.
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        listener.setsockopt(socket.IPPROTO_TCP, option, int(1000 * seconds))


def names_of(host: str) -> frozenset[str]:
    """What clients may call a server that listens on `host`, in lower case."""
    own = {host, *LOOPBACK} if host in LOOPBACK | _EVERY_ADDRESS else {host}
    return frozenset(bracketed(each).lower() for each in own)


def bracketed(host: str) -> str:
    """The host as a URL has it."""
    return f"[{host}]" if ":" in host else host
