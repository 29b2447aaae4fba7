"""OpenTelemetry traces from an HTTP request or a submission to each request to the API, if TRACES_URL is set.

Otherwise nothing is imported. Spans contain job ids and numbers, no token ids and no secrets.
"""

from collections.abc import Callable

from worker.core.errors import BadSettingError
from worker.settings import PREFIX, Settings
from worker.telemetry.traces.interface import ActivationApi, RequestSpan, Service, Tracing

__all__ = ["ActivationApi", "RequestSpan", "Service", "Tracing", "check_tracing", "make_tracing"]


def make_tracing(settings: Settings, service: Service) -> Tracing | None:
    """Makes the tracing of this process, a `service`, to be closed at its end; None if TRACES_URL is not set.

    Raises `BadSettingError` if the extra `tracing` is not installed.
    """
    return None if settings.traces_url is None else _implementation()(settings.traces_url, service)


def check_tracing(settings: Settings) -> None:
    """Raises `BadSettingError` if TRACES_URL is set and the extra `tracing` is not installed."""
    if settings.traces_url is not None:
        _implementation()


def _implementation() -> Callable[[str, Service], Tracing]:
    try:
        from worker.telemetry.traces.opentelemetry import OpenTelemetry  # noqa: PLC0415 -- an extra, and slow to import.
    except ImportError as error:
        raise BadSettingError(
            f"{PREFIX}TRACES_URL is set, and {error.name} is not installed:"
            " install the extra `tracing` (pip install 'bulk-activation-worker[tracing]'), or unset it"
        ) from error
    return OpenTelemetry
