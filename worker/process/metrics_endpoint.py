"""Serves metrics to Prometheus from a thread of this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from worker.core.errors import BadSettingError


@contextmanager
def metrics_endpoint(registry: CollectorRegistry, address: str, port: int, choose: str) -> Iterator[None]:
    """Answers at `address`:`port` within the block, without a password.

    Raises `BadSettingError` where the address cannot be had; `choose` says how to have another one.
    """
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        raise BadSettingError(
            f"cannot serve metrics at {address}:{port} ({error.strerror}): choose another {choose}"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
