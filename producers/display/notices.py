"""Notices on stderr: warnings, and what a list begins and ends with."""

import click

from producers.reading import Survey
from worker.core.visible import visible


def warn(text: str) -> None:
    click.echo(f"Warning: {visible(text)}", err=True)


def show_ends(surveyed: Survey) -> None:
    """Shows the abbreviated first and last id, which give a wrong column away."""
    if surveyed.first:
        click.echo(f"First id {surveyed.first}, last id {surveyed.last}", err=True)


def show_survey(surveyed: Survey) -> None:
    """Shows the first and the last id, and the warnings about a list."""
    show_ends(surveyed)
    for sentence in surveyed.advice:
        warn(sentence)
