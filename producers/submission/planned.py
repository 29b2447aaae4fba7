"""The plan of a list, by which `submit --plan` recognizes it."""

import shlex

import click

from producers.reading import InputOptions, Source, Survey, reading_of
from worker.core.errors import BadInputError


def plan_of(source: Source, options: InputOptions) -> str:
    """The plan as `SHA256:READING`: a hash over the list's bytes, and how they are read."""
    return f"{source.sha256}:{reading_of(source, options)}"


def check_plan(source: Source, options: InputOptions, planned: str, file: str) -> None:
    """Raises `BadInputError` if the list differs from the `planned` one.

    `planned` is what `plan_of` returned, or the sha256 alone, which allows any reading. `file` is the name
    that the user gave to the list.
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
    """Shows the abbreviated first and last id, which give a wrong column away, and the warnings."""
    if surveyed.first:
        click.echo(f"First id {surveyed.first}, last id {surveyed.last}", err=True)
    show_advice(surveyed)


def show_advice(surveyed: Survey) -> None:
    """Shows the warnings about a list on stderr."""
    for sentence in surveyed.advice:
        click.echo(f"Warning: {sentence}", err=True)
