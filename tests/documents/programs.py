"""The programs that the documents name, as they read their arguments."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import click

from producers.cli.main import cli
from worker.__main__ import COMMANDS as WORKER_SIDE


def command_names() -> list[str]:
    return cli.list_commands(click.Context(cli))


def command(name: str) -> click.Command:
    """The command of `bulk-activate`, with the options that its process takes."""
    if name in WORKER_SIDE:
        found: Any = import_module(WORKER_SIDE[name]).command
    else:
        found = cli.get_command(click.Context(cli), name)
    assert isinstance(found, click.Command), f"no command {name}"
    return found


def options(of: click.Command) -> Iterator[click.Option]:
    return (parameter for parameter in of.params if isinstance(parameter, click.Option))
