"""Reads the certificate of a server that failed verification, to say what is wrong with it.

A failed handshake does not reveal the certificate. So two more are made: one without verification, for the
certificate's bytes, and one that trusts these bytes alone, so that Python decodes them. Neither sends any
part of a request.
"""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp

_NO_CHECK_TIME: Final = 0x200000
"""`X509_V_FLAG_NO_CHECK_TIME` of OpenSSL, for which `ssl` has no name."""

Handshake = Callable[[ssl.SSLContext], Awaitable[ssl.SSLObject | None]]
"""Connects and closes the connection; the returned object is still readable."""


async def read_certificate(handshake: Handshake) -> Mapping[str, Any]:
    """The certificate as `ssl.SSLObject.getpeercert` returns it; empty if it cannot be read."""
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
