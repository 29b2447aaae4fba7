"""`serve`: the HTTP API."""

from typing import Final

import click

from worker.core.errors import BadInputError
from worker.process.lifeline import end_with_parent
from worker.settings import load

EXTRA: Final = ("litestar", "uvicorn")
"""Packages that are installed with the extra `serve` alone."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="The port to listen on; 0: the system chooses.",
)
@click.option("--with-parent", is_flag=True, help="Stop as soon as stdin ends.")
def command(host: str, port: int, with_parent: bool) -> int:
    """Serve the HTTP API; prints its base URL alone once it can be used.

    SERVE_KEYS_FILE says who may use it, a line per key as `key` prints it. Without that file it listens on
    loopback alone, and prints a key for this run.

    Example: bulk-activate serve --port 8080
    """
    settings = load(credential=False)
    try:
        from producers.web.server import serve  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        raise missing_extra() from None
    if with_parent:
        end_with_parent()
    return serve(settings, host, port)


def missing_extra() -> BadInputError:
    return BadInputError(
        "serve needs an extra that is not installed: pip install 'bulk-activation-worker[serve]'"
    )
