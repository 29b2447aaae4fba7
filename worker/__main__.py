"""`python -P -m worker NAME`: starts a process of the worker's side.

The `bulk-activate` command starts these as processes, so that its own never holds the API client or the
task's body. Without `-P` Python would import modules from the current folder first, which others may write
to.
"""

from importlib import import_module
from typing import Final

import click

from worker.process import streams
from worker.process.confine import confine

COMMANDS: Final = {
    "worker": "worker.commands.worker",
    "metrics": "worker.monitoring.metrics.__main__",
    "slice": "worker.commands.slice",
    "redis": "worker.embedded.__main__",
    "simulator": "worker.simulator.__main__",
    "doctor": "worker.doctor.__main__",
}


class _Lazy(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        found = import_module(COMMANDS[name]).command
        assert isinstance(found, click.Command)
        return found


@click.command(cls=_Lazy)
def main() -> None:
    """The worker's side: Celery workers, the embedded Redis, the simulator, the doctor."""


if __name__ == "__main__":
    confine()
    streams.run(lambda: main(prog_name="python -m worker"))
