"""Options that several commands share, and their values as arguments of functions."""

import sys
from collections.abc import Callable
from dataclasses import fields
from typing import IO, Any, TypeVar, get_args

import click

from producers.cli.completion import job_ids
from producers.reading import Format, InputOptions, Source
from producers.reading.opened import opened
from producers.reading.source import STDIN
from producers.submission.request import JobRequest, check_limits, require_org, seconds_of
from worker.core.errors import BadInputError

Command = TypeVar("Command", bound=Callable[..., Any])


def reading_options(command: Command, *, required: bool = True) -> Command:
    """Adds FILE and the options that say how it is read."""
    for option in reversed(
        (
            click.argument("file", metavar="FILE|-", required=required),
            click.option(
                "--format",
                "input_format",
                type=click.Choice(["auto", *get_args(Format)]),
                default="auto",
                show_default=True,
                help="How the list is written; auto goes by the file's extension.",
            ),
            click.option("--column", metavar="NAME|N", help="The column of a table that holds the ids."),
            click.option("--delimiter", metavar="CHAR", help="What stands between the cells of a CSV."),
            click.option("--field", metavar="PATH", help="The field of NDJSON objects that holds the ids."),
            click.option(
                "--sheet", metavar="NAME|N", help="The sheet of an Excel workbook; default: the first."
            ),
            click.option("--strict", is_flag=True, help="Refuse a list that has a malformed line."),
            click.option(
                "--allow-malformed", is_flag=True, help="Take a list most of whose lines are malformed."
            ),
            click.option(
                "--allow-token-like-ids",
                is_flag=True,
                help="These are ids, although they look like token values.",
            ),
        )
    ):
        command = option(command)
    return command


def org_option(command: Command) -> Command:
    """Adds `--org`."""
    return click.option(
        "--org", "org_id", metavar="GUID", help="The organization; default: the ORG_ID setting."
    )(command)


def job_options(command: Command) -> Command:
    """Adds the options of a new job, apart from its list and organization."""
    for option in reversed(
        (
            click.option(
                "--label", "labels", multiple=True, metavar="K=V", help="Kept with the job; repeatable."
            ),
            click.option(
                "--max-failures", type=click.IntRange(min=0), help="End the job past so many failed ids."
            ),
            click.option(
                "--max-failure-ratio",
                type=click.FloatRange(0, 1),
                help="End the job past this share of failed ids (looked at from 100 ids on).",
            ),
            click.option(
                "--deadline", metavar="6h", help="End the job so long after its submission, pauses included."
            ),
        )
    ):
        command = option(command)
    return command


def job_argument(*, required: bool = True) -> Callable[[Command], Command]:
    """Adds the argument JOB, with shell completion."""
    metavar = "JOB" if required else "[JOB]"
    return click.argument("job_id", metavar=metavar, required=required, shell_complete=job_ids)


def output_option(*formats: str) -> Callable[[Command], Command]:
    """Adds `-o`; the first of `formats` is the default."""
    return click.option(
        "-o", "output_format", type=click.Choice(formats), default=formats[0], show_default=True
    )


def local_option(command: Command) -> Command:
    """Adds `--local`."""
    return click.option("--local", is_flag=True, help="A job of `run` in STATE_DIR, not one in REDIS_URL.")(
        command
    )


def input_options(given: dict[str, Any]) -> InputOptions:
    """Removes the reading options from a command's arguments `given` and returns them."""
    names = [field.name for field in fields(InputOptions) if field.name != "format"]
    return InputOptions(format=given.pop("input_format"), **{name: given.pop(name) for name in names})


def as_arguments(options: InputOptions) -> list[str]:
    """The command-line arguments for `options`: reading a list differently makes it another list."""
    arguments = []
    for field in fields(options):
        value = getattr(options, field.name)
        if value != field.default:
            name = f"--{field.name.replace('_', '-')}"
            arguments += [name] if value is True else [name, value]
    return arguments


def limits_of(given: dict[str, Any]) -> dict[str, Any]:
    """Removes the job options from a command's arguments `given`; returns them as fields of `JobRequest`."""
    return {
        "labels": labels_of(given.pop("labels")),
        "deadline": seconds_of("--deadline", given.pop("deadline")),
        "max_failures": given.pop("max_failures"),
        "max_failure_ratio": given.pop("max_failure_ratio"),
    }


def request_of(given: dict[str, Any], default_org: str | None) -> JobRequest:
    """Makes a request from the command's arguments. Anything left in `given` is a field of `JobRequest`."""
    return check_limits(
        JobRequest(
            org_id=require_org(given.pop("org_id") or default_org),
            **limits_of(given),
            options=input_options(given),
            **given,
        )
    )


def list_of(path: str) -> str | IO[bytes]:
    """The list at `path`, or standard input. Raises `BadInputError` if that is closed."""
    if path != STDIN:
        return path
    if sys.stdin is None:
        raise BadInputError("standard input is closed: hand it the list, or name a file")
    if sys.stdin.isatty():
        click.echo("Reading ids from the terminal; end with Ctrl-D.", err=True)
    return sys.stdin.buffer


def opened_list(path: str) -> Source:
    """Opens the list at `path`. Raises `BadInputError` if it cannot be read."""
    return opened(list_of(path))


def labels_of(given: tuple[str, ...]) -> dict[str, str]:
    """Parses labels of the form name=value. Raises `BadInputError`."""
    labels = {}
    for label in given:
        name, equals, value = label.partition("=")
        if not name or not equals:
            raise BadInputError(f"--label: {label!r} is not of the form name=value")
        labels[name] = value
    return labels
