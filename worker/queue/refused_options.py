"""Refuses options of Celery that do not suit this worker, before anything starts."""

import os
from typing import Any, Final

import click
from celery import Celery
from celery.concurrency.thread import TaskPool

from worker.queue.pool import WakingPool

_LOG: Final = (
    "the log goes to stderr, which nobody would read; have systemd, a container or"
    " `bulk-activate worker --concurrency N` keep workers running"
)
REASONS: Final = {
    "autoscale": "--autoscale: a process works on as many slices at once whatever there is to do; start more"
    " processes (`bulk-activate worker --concurrency N`), or scale these by the metrics",
    "detach": f"--detach: {_LOG}",
}
"""Why an option is refused, by its name."""
_MAX_PORT: Final = 65_535
_MULTI: Final = f"`celery multi`: it starts workers with --detach, and {_LOG}"


class RefusedOptionError(click.ClickException):
    """An option of `celery` that this worker does not support, or a variable that Flower cannot read."""

    exit_code = 2


def install(app: Celery) -> None:
    """Adds a hidden option to every command of Celery, whose callback runs after those of given options."""
    option = click.Option(["--suited"], hidden=True, expose_value=False, is_flag=True, callback=_check)
    app.user_options["preload"].add(option)


def _check(ctx: click.Context, _option: click.Parameter, _value: Any) -> None:
    """Raises `RefusedOptionError`."""
    if ctx.command.name == "multi":
        raise RefusedOptionError(_MULTI)
    if ctx.command.name == "flower":
        _check_port(os.environ.get("FLOWER_PORT"))
    if ctx.command.name != "worker":
        return
    for name, why in REASONS.items():
        if ctx.params.get(name):
            raise RefusedOptionError(why)
    if ctx.params.get("pool_cls") is TaskPool:
        # `-P threads` on the command line.
        ctx.params["pool_cls"] = WakingPool


def _check_port(text: str | None) -> None:
    """Raises `RefusedOptionError`. Flower itself would end with a traceback."""
    if text is not None and not (text.isdecimal() and int(text) <= _MAX_PORT):
        raise RefusedOptionError(f"FLOWER_PORT: must be a port, at most {_MAX_PORT}, not {text!r}")
