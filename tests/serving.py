"""Serves aiohttp applications from threads of this process, which saves starting processes."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final

from aiohttp import web

_BACKLOG: Final = 1024
"""Connections waiting to be accepted, at most: a client's whole pool connects at once."""


@contextmanager
def serving(app: web.Application, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serves `app` on loopback inside the block, by HTTPS with `tls`. Yields its URL."""
    listens: Future[str] = Future()
    loop, over = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=_BACKLOG, ssl_context=tls).start()
        host, port = runner.addresses[0][:2]
        listens.set_result(f"{'http' if tls is None else 'https'}://{host}:{port}")
        await over.wait()
        await runner.cleanup()

    def work() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:
            listens.set_exception(error)
            raise

    thread = threading.Thread(target=work, name="serving")
    thread.start()
    try:
        yield listens.result()
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
