"""What `plan` tells of a list, and how `submit` knows the planned list again."""

import shlex

import click

from producers.reading import InputOptions, Source, Survey, reading_of
from worker.core.errors import BadInputError


def plan_of(source: Source, options: InputOptions) -> str:
    """`SHA256:READING`: the bytes of the list, and how they are read."""
    return f"{source.sha256}:{reading_of(source, options)}"


def check_plan(source: Source, options: InputOptions, planned: str, file: str) -> None:
    """Raises `BadInputError` where the list is not the one that was `planned`: what `plan_of` said, or its
    sha256 alone, as `sha256sum` prints it; then any reading will do. `file`: the list, as the user named it.
    """
    sha256, colon, reading = planned.partition(":")
    if sha256.lower() != source.sha256:
        raise BadInputError(
            f"--plan: the list's sha256 is {source.sha256}, not {sha256}: it is another list, or was"
            f" changed since; look at it with `bulk-activate plan {shlex.quote(file)}`"
        )
    if colon and reading != (now := reading_of(source, options)):
        raise BadInputError(
            f"--plan: the list was planned as {reading} and would now be read as {now}:"
            " give the reading options (--format, --column, ...) that `plan` was given"
        )


def show_survey(surveyed: Survey) -> None:
    """The ends of the first and last id, so that a wrong column is seen, and what looks like a mistake."""
    if surveyed.first:
        click.echo(f"First id {surveyed.first}, last id {surveyed.last}", err=True)
    show_advice(surveyed)


def show_advice(surveyed: Survey) -> None:
    for sentence in surveyed.advice:
        click.echo(f"Warning: {sentence}", err=True)
