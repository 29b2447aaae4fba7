"""The programs that the documents name, as they read their arguments."""

import contextlib
import importlib.util
import io
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from producers.cli.main import cli
from worker.__main__ import COMMANDS as WORKER_SIDE

_PLACEHOLDER: Final = re.compile(r"'[A-Z]+'")


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


def takes(name: str, arguments: list[str], *, is_mention: bool = False) -> None:
    """Reads the arguments as the command does, and runs nothing. Raises `click.UsageError`.

    A mention in running text may leave out arguments and values, and hold a placeholder such as `N`.
    """
    try:
        with contextlib.suppress(click.exceptions.Exit), contextlib.redirect_stdout(io.StringIO()):
            command(name).make_context(name, [*arguments]).close()
    except click.MissingParameter:
        if not is_mention:
            raise
    except click.BadOptionUsage:
        if not is_mention or not arguments[-1].startswith("-"):
            raise
    except click.BadParameter as error:
        if not is_mention or not _PLACEHOLDER.search(error.message):
            raise


def module_takes(module: str, arguments: list[str]) -> str:
    """What is wrong with `python -m MODULE ARGUMENTS`; '' if nothing is."""
    if module == "worker":
        takes(arguments[0], arguments[1:])
        return ""
    found = importlib.util.find_spec(module)
    if found is not None and found.submodule_search_locations is not None:
        found = importlib.util.find_spec(f"{module}.__main__")
    if found is None or found.origin is None:
        return f"no module {module}"
    source = Path(found.origin).read_text(encoding="utf-8")
    for argument in arguments:
        word = f'"{argument.partition("=")[0]}"' if argument.startswith("-") else argument
        if word not in source and not argument[0].isdigit():
            return f"{module} takes no {argument}"
    return ""
