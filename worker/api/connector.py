"""Connects to the API, directly or through a proxy, and explains failures to connect.

A request that fails before there is a connection cannot have reached the API.
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
from yarl import URL

from worker.api.certificate import Handshake, read_certificate
from worker.api.deadlines import Deadlines
from worker.core.access.certificate import certificate_fault
from worker.core.access.proxy import Proxy
from worker.settings import PROXY_URL

_KEEP_ALIVE: Final = 30.0
"""Seconds that an idle connection is kept. Shorter than common limits of servers (60 to 75 s): the answer to
a request on a connection that the server is just closing would be lost."""

_FAULT_TTL: Final = 60.0
"""Seconds for which the explanation of a certificate's fault is reused."""


class NotConnectedError(Exception):
    """No connection was made, so nothing was sent. The message contains no secret."""


class ConnectAttempt:
    """The attempt of one request to get a connection; `connected` is set once it has one."""

    __slots__ = ("connected",)

    def __init__(self) -> None:
        self.connected = False
        _attempt.set(self)


_attempt: ContextVar[ConnectAttempt] = ContextVar("_attempt")
"""The attempt of the current request. Needed because a time-out of the library arrives as a cancellation."""


class ApiConnector(aiohttp.TCPConnector):
    """The connection pool of a session, with one `proxy` or none."""

    def __init__(
        self, proxy: Proxy | None, tls: ssl.SSLContext, *, forwards: bool, url: str, timeout: float
    ) -> None:
        """`forwards`: the proxy forwards plain http requests instead of making a tunnel.

        `url` is the API's, `timeout` the seconds that a whole request may take.
        """
        # Senders bound the requests in flight; a second bound here would hide waiting time.
        super().__init__(ssl=tls, limit=0, keepalive_timeout=_KEEP_ALIVE)
        self.url = URL(url)
        self.deadlines = Deadlines(timeout)
        self.proxy = proxy
        self.forwarder = proxy if forwards else None
        """The proxy that may answer a request itself, if it forwards requests."""
        login = None if proxy is None else proxy.authorization
        self.proxy_headers = {"Proxy-Authorization": login} if login else None
        """A secret. Given to the library as a login, it would show in the `repr` of a connection."""

        self._known_faults: dict[int, tuple[float, str]] = {}
        """By OpenSSL's error code: until when an explanation is reused, and its text."""
        self._certificate_lock = asyncio.Lock()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- the library's signature.
    ) -> Connection:
        """Connects as the library does. Raises `NotConnectedError` for every failure of the network."""
        try:
            connection = await super().connect(req, traces, timeout)
        except aiohttp.ClientConnectorCertificateError as error:
            handshake = partial(self._handshake, req, timeout)
            raise NotConnectedError(
                await self._certificate_fault(error.certificate_error, handshake)
            ) from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            # Not `from error`: it refers to the request to the proxy, with its password.
            raise NotConnectedError(connect_fault(error, self.proxy)) from None
        if (attempt := _attempt.get(None)) is not None:
            attempt.connected = True
        return connection

    async def _certificate_fault(self, cause: Exception, handshake: Handshake) -> str:
        """Explains the fault of a certificate. Requests that fail together share one reading of it."""
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
        """Connects as for a request, and sends nothing. Returns the TLS object of the connection."""
        if self.proxy is not None and self.proxy.is_tls:
            # The proxy would get its login without being verified.
            return None
        async with aiohttp.TCPConnector(ssl=tls, force_close=True) as other:
            connection = await other.connect(req, [], timeouts)
            transport = connection.transport
            connection_tls = None if transport is None else transport.get_extra_info("ssl_object")
            connection.close()
            return connection_tls


def connect_fault(error: Exception, proxy: Proxy | None) -> str:
    """Why connecting failed, as a message that a person can act on. It names only the proxy."""
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
    """What to do about HTTP 407 from `proxy`."""
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
