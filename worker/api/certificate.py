"""Reads the certificate that a server was refused for, to tell a person what is wrong with it.

A refused handshake does not show it. So two more are made: one that verifies nothing, for the certificate's
bytes, and one that trusts these bytes alone, for Python to take them apart. Neither sends anything of a
request.
"""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp

_NO_CHECK_TIME: Final = 0x200000
"""`X509_V_FLAG_NO_CHECK_TIME`, which `ssl` has no name for."""

Handshake = Callable[[ssl.SSLContext], Awaitable[ssl.SSLObject | None]]
"""Makes a connection and closes it; what was agreed on is still readable then."""


async def read_certificate(handshake: Handshake) -> Mapping[str, Any]:
    """As `ssl.SSLObject.getpeercert` gives it; empty where it could not be had."""
    try:
        if (seen := await handshake(_unverified())) is None:
            return {}
        content = seen.getpeercert(binary_form=True)
        if content is None or (read := await handshake(_trusting(content))) is None:
            return {}
        return read.getpeercert() or {}
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return {}


def _unverified() -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    return tls


def _trusting(certificate: bytes) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    tls.load_verify_locations(cadata=certificate)
    return tls
