"""Ends a command with one line and an exit code where an expected error stops it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from worker.core.errors import BulkActivateError
from worker.core.visible import visible


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Prints a `BulkActivateError` on stderr, and ends the process with the error's exit code."""
    try:
        yield
    except BulkActivateError as error:
        click.echo(f"Error: {visible(str(error))}", err=True)
        sys.exit(error.exit_code)
