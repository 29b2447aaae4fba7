"""The command line of the supervisor: `python -P -m worker.embedded --dir DIR [--with-parent]`."""

import sys
from pathlib import Path

import click
import msgspec

from worker.embedded.binary import find_server
from worker.embedded.supervisor import Ready, supervise
from worker.process.exit_on_error import exit_on_error


@click.command()
@click.option(
    "--dir",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the server's data; made if need be, closed to other users.",
)
@click.option(
    "--server",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, executable=True, path_type=Path),
    help="Server program, instead of the one that is found: Valkey, or Redis from 6.2 on.",
)
@click.option(
    "--attach",
    "may_attach",
    is_flag=True,
    help="Where its server runs already, name that one.",
)
@click.option("--with-parent", is_flag=True, help="Stop as soon as stdin ends.")
def command(folder: Path, server: Path | None, may_attach: bool, with_parent: bool) -> None:
    """Run a private Redis server on a unix socket until told to stop.

    Prints one line of JSON when the server can be used. SIGTERM, SIGINT and SIGHUP stop it.

    Example: python -P -m worker.embedded --dir ~/.local/state/bulk-activate/redis
    """
    try:
        with exit_on_error():
            binary = server or find_server()
            supervise(folder, binary, announce, with_parent=with_parent, may_attach=may_attach)
    except OSError as error:
        # A full disk or a read-only folder: a person needs the cause, not a traceback.
        click.echo(f"Error: cannot run a Redis server in {folder}: {error}", err=True)
        sys.exit(1)


def announce(ready: Ready) -> None:
    """Prints the line of JSON that says that the server can be used."""
    click.echo(msgspec.json.encode(ready))


if __name__ == "__main__":
    command()
