"""What Celery offers and is not for this worker: refused in a line, before anything starts."""

from typing import Any, Final

import click
from celery import Celery
from celery.concurrency.thread import TaskPool

from worker.pool import WakingPool

_LOG: Final = (
    "the log goes to stderr, which nobody would read; have systemd, a container or"
    " `bulk-activate worker --concurrency N` keep workers running"
)
REFUSED: Final = {
    "autoscale": "--autoscale: a process works on as many slices at once whatever there is to do; start more"
    " processes (`bulk-activate worker --concurrency N`), or scale these by the metrics",
    "detach": f"--detach: {_LOG}",
}
"""By the option's name."""
_MULTI: Final = f"`celery multi`: it starts workers with --detach, and {_LOG}"


class RefusedError(click.ClickException):
    exit_code = 2


def refuse(app: Celery) -> None:
    """By an option of all commands that nobody sees or gives: it is looked at after those that are given."""
    look = click.Option(["--suited"], hidden=True, expose_value=False, is_flag=True, callback=_look)
    app.user_options["preload"].add(look)


def _look(ctx: click.Context, _option: click.Parameter, _value: Any) -> None:
    """Raises `RefusedError`."""
    if ctx.command.name == "multi":
        raise RefusedError(_MULTI)
    if ctx.command.name != "worker":
        return
    for name, why in REFUSED.items():
        if ctx.params.get(name):
            raise RefusedError(why)
    if ctx.params.get("pool_cls") is TaskPool:
        # `-P threads`, said in so many words.
        ctx.params["pool_cls"] = WakingPool
