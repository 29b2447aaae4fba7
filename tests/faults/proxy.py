"""A proxy in front of a real Redis that stops a client at an exact point of its work."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

_CHUNK = 65_536


class Proxy:
    """Forwards data until `stops_at` is true for what a client sends; that and the rest is held back."""

    def __init__(self, at: Path, redis_url: str, stops_at: Callable[[bytes], bool]) -> None:
        self.url = f"unix://{at}?db=0"
        self.stopped = threading.Event()
        self._server_path = urlsplit(redis_url).path
        self._stops_at = stops_at
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(at))
        self._listener.listen()
        self._open: list[socket.socket] = []

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server_path)
                self._open += [client, server]
                for work in (self._from_client, self._to_client):
                    threading.Thread(target=work, args=(client, server), daemon=True).start()

    def close(self) -> None:
        # A shutdown wakes who waits in accept; a close alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in (self._listener, *self._open):
            each.close()

    def _from_client(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                if self.stopped.is_set() or self._stops_at(data):
                    self.stopped.set()
                    return
                server.sendall(data)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(_CHUNK):
                client.sendall(data)


@contextmanager
def proxy(at: Path, redis_url: str, stops_at: Callable[[bytes], bool]) -> Iterator[Proxy]:
    made = Proxy(at, redis_url, stops_at)
    thread = threading.Thread(target=made.serve)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join()
