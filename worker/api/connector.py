"""Connections to the API, directly or through a proxy, and why one could not be made.

Whatever fails before there is a connection cannot have reached the API: nothing of a request is sent before.
"""

import asyncio
import os
import ssl
from contextvars import ContextVar
from functools import partial
from http import HTTPStatus
from time import monotonic, time
from typing import Final

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from worker.api.certificate import Handshake, read_certificate
from worker.core.certificate import certificate_fault
from worker.core.proxy import Proxy
from worker.settings import PROXY_URL

_KEEP_ALIVE: Final = 30.0
"""Seconds that an idle connection is kept. Shorter than common servers' own limit (60 to 75 s), since a
request on a connection that the server just closed is an answer lost."""

_FAULT_TTL: Final = 60.0
"""Seconds that nobody looks again what is wrong with a certificate."""


class NotConnectedError(Exception):
    """No connection came about, so nothing was sent. The message holds no secret."""


class ConnectAttempt:
    """One request's try to get a connection: `connected` once it has one."""

    __slots__ = ("connected",)

    def __init__(self) -> None:
        self.connected = False
        _attempt.set(self)


_attempt: ContextVar[ConnectAttempt] = ContextVar("_attempt")
"""Of the request that is being made: the library's own time-out comes as a cancellation."""


class ApiConnector(aiohttp.TCPConnector):
    """One per session, with one `proxy` or none."""

    def __init__(self, proxy: Proxy | None, tls: ssl.SSLContext, *, forwards: bool) -> None:
        """`forwards`: a proxy is to pass on requests to an http API, rather than to make a tunnel to it."""
        # The lanes bound what is in flight; a second bound here would hide waiting time.
        super().__init__(ssl=tls, limit=0, keepalive_timeout=_KEEP_ALIVE)
        self.proxy = proxy
        self.forwarder = proxy if forwards else None
        """The proxy that may answer a request in the API's place."""
        login = None if proxy is None else proxy.authorization
        self.proxy_headers = {"Proxy-Authorization": login} if login else None
        """A secret. As the library's own login it would show in the `repr` of a connection."""

        self._known_faults: dict[int, tuple[float, str]] = {}
        """By OpenSSL's code: what was told of a refused certificate, and until when it is good."""
        self._certificate_lock = asyncio.Lock()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- the library's own.
    ) -> Connection:
        """As documented of the library's; raises `NotConnectedError` for all that the network causes."""
        try:
            connection = await super().connect(req, traces, timeout)
        except aiohttp.ClientConnectorCertificateError as error:
            handshake = partial(self._handshake, req, timeout)
            raise NotConnectedError(
                await self._certificate_fault(error.certificate_error, handshake)
            ) from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            # Not `from error`: what was sent to the proxy, its password too, hangs on it.
            raise NotConnectedError(connect_fault(error, self.proxy)) from None
        if (attempt := _attempt.get(None)) is not None:
            attempt.connected = True
        return connection

    async def _certificate_fault(self, cause: Exception, handshake: Handshake) -> str:
        """What is wrong with the certificate. It is read once for all who wait, and again after a minute."""
        code = cause.verify_code if isinstance(cause, ssl.SSLCertVerificationError) else 0
        async with self._certificate_lock:
            until, message = self._known_faults.get(code, (0.0, ""))
            if monotonic() >= until:
                message = certificate_fault(code, await read_certificate(handshake), time())
                self._known_faults[code] = (monotonic() + _FAULT_TTL, message)
        return message if self.proxy is None else f"{message}; through the proxy {self.proxy}"

    async def _handshake(
        self, req: aiohttp.ClientRequest, timeouts: aiohttp.ClientTimeout, tls: ssl.SSLContext
    ) -> ssl.SSLObject | None:
        """Connects as for a request, and sends nothing."""
        if self.proxy is not None and self.proxy.is_tls:
            # It would be told its login without being verified.
            return None
        async with aiohttp.TCPConnector(ssl=tls, force_close=True) as other:
            connection = await other.connect(req, [], timeouts)
            transport = connection.transport
            connection_tls = None if transport is None else transport.get_extra_info("ssl_object")
            connection.close()
            return connection_tls


def connect_fault(error: Exception, proxy: Proxy | None) -> str:
    """Why no connection came about, in words that a person can act on. Names no more than the proxy."""
    if proxy is None:
        return _describe(error)
    match error:
        case aiohttp.ClientHttpProxyError(status=HTTPStatus.PROXY_AUTHENTICATION_REQUIRED):
            return login_refused(proxy)
        case aiohttp.ClientHttpProxyError():
            return f"the proxy {proxy} refuses to connect to the API (HTTP {error.status})"
        case aiohttp.ClientConnectorDNSError():
            return f"the proxy {proxy} cannot be reached: its host is not known"
        case aiohttp.ClientProxyConnectionError():
            return f"the proxy {proxy} cannot be reached: {_describe(error)}"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError(errno=None):
            return f"the proxy {proxy} closed the connection"
        case aiohttp.ClientResponseError():
            return f"what answers as the proxy {proxy} is none"
    return f"{_describe(error)}, through the proxy {proxy}"


def login_refused(proxy: Proxy) -> str:
    """What HTTP 407 of `proxy` asks for."""
    if proxy.authorization is None:
        return (
            f"the proxy {proxy} asks for user and password (HTTP 407):"
            f" put USER:PASSWORD@ before its host, in {PROXY_URL}"
        )
    return f"the proxy {proxy} refuses the user or password in {proxy.source} (HTTP 407)"


def _describe(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no connection in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate could not be verified"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "no TLS is spoken there, or no version that both sides know"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its host is not known"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return type(error).__name__
