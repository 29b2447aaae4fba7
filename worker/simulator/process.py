"""Runs the simulator as a process, from its line on stdout to its end by a signal."""

import asyncio
import ipaddress
import os
import signal
import threading
from contextlib import suppress
from typing import Any, Final

import msgspec
from aiohttp import web

from worker.simulator.config import Config
from worker.simulator.server import make_app

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_GRACE: Final = 1.0
"""Seconds that requests in flight have at the end."""

_BACKLOG: Final = 1024
"""Connections waiting to be accepted, at most: a client's whole pool connects at once."""


class Ready(msgspec.Struct, frozen=True):
    """The line of JSON on stdout once the simulator listens."""

    url: str
    pid: int


async def serve(config: Config, api_token: str | None, host: str, port: int, *, with_parent: bool) -> None:
    """Serves until SIGTERM, SIGINT or, `with_parent`, the end of stdin. Raises `OSError`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    if with_parent:
        threading.Thread(target=_at_end_of_stdin, args=(loop, stop), daemon=True).start()
    runner = web.AppRunner(make_app(config, api_token), access_log=None, shutdown_timeout=_GRACE)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=_BACKLOG).start()
        print(msgspec.json.encode(Ready(_url(runner.addresses[0]), os.getpid())).decode(), flush=True)  # noqa: T201 -- the starter reads it.
        await stop.wait()
    finally:
        await runner.cleanup()


def _at_end_of_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # os.read, not sys.stdin: a daemon thread inside a buffered read is fatal when the interpreter ends.
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    # RuntimeError: the loop is closed already.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(stop.set)


def _url(address: Any) -> str:
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ipaddress.ip_address(host).version == 6 else f"http://{host}:{port}"  # noqa: PLR2004 -- IPv6.
