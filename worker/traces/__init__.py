"""Traces by OpenTelemetry, from a job's submission to each request, where TRACES_URL is set; else nothing is
imported, made or asked. A trace holds names of jobs and numbers, no id of a token and no secret.
"""

from collections.abc import Callable

from worker.core.errors import BadSettingError
from worker.settings import PREFIX, Settings
from worker.traces.interface import ActivationApi, Tracing

__all__ = ["ActivationApi", "Tracing", "check_tracing", "make_tracing"]


def make_tracing(settings: Settings) -> Tracing | None:
    """To be made in the process that it is for, and closed at its end; None where it is off.

    Raises `BadSettingError` where the extra `tracing` is not installed.
    """
    return None if settings.traces_url is None else _implementation()(settings.traces_url)


def check_tracing(settings: Settings) -> None:
    """Raises `BadSettingError` where there is to be tracing, and cannot be."""
    if settings.traces_url is not None:
        _implementation()


def _implementation() -> Callable[[str], Tracing]:
    try:
        from worker.traces.opentelemetry import OpenTelemetry  # noqa: PLC0415 -- an extra, and slow to import.
    except ImportError as error:
        raise BadSettingError(
            f"{PREFIX}TRACES_URL is set, and {error.name} is not installed:"
            " install the extra `tracing` (pip install 'bulk-activation-worker[tracing]'), or unset it"
        ) from error
    return OpenTelemetry
