"""`plan`: counts a list and estimates its duration. Nothing is stored or sent."""

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from producers.cli.connection import open_client
from producers.cli.options import as_arguments, input_options, list_of, output_option, reading_options
from producers.display import table
from producers.display.notices import warn
from producers.submission.planned import Plan
from worker.core.duration import show_duration
from worker.core.rate.rate_config import RateConfig
from worker.core.visible import visible
from worker.settings import load


@click.command()
@reading_options
@click.option("--rate", metavar="R|auto", help="Requests per second; default: the RATE setting.")
@output_option("table", "json")
def command(file: str, rate: str | None, output_format: str, **given: Any) -> int:
    """Read and check a list without storing or sending any of it. Needs no Redis and no credential.

    Hand the plan to `submit --plan`, which refuses a list that was changed since or is read in another way.

    Example: bulk-activate plan ids.txt --rate 50
    """
    settings, options = load(credential=False, rate=rate), input_options(given)
    with open_client(settings) as client:
        plan = client.plan(list_of(file), **asdict(options))
    if output_format == "json":
        table.as_json(plan)
        return 0
    for name, value in _rows(plan, settings.rate_config):
        click.echo(f"{name:<12} {visible(str(value))}")
    if plan.malformed_lines:
        click.echo("\nMalformed lines:")
    for row in plan.malformed_lines:
        click.echo(f"  line {row.line}: {row.why}")
    if plan.manifest.malformed > len(plan.malformed_lines):
        click.echo(f"  and {plan.manifest.malformed - len(plan.malformed_lines):,} more")
    for sentence in plan.warnings:
        warn(sentence)
    arguments = shlex.join([file, *as_arguments(options)])
    hint = "look at the warning first; if the list is right as it is, " if plan.warnings else ""
    click.echo(f"\nWithout a Redis of your own: bulk-activate run {arguments}", err=True)
    click.echo(f"Next: {hint}bulk-activate submit {arguments} --plan {shlex.quote(plan.plan)}", err=True)
    return 0


def _rows(plan: Plan, rate: RateConfig) -> Iterator[tuple[str, str]]:
    manifest = plan.manifest
    yield "lines", f"{manifest.lines:,}"
    yield "unique ids", f"{manifest.unique:,}"
    yield "duplicates", f"{manifest.duplicates:,} (each id is sent once)"
    yield "malformed", f"{manifest.malformed:,} (never sent)"
    if plan.first_id:
        yield "first, last", f"{plan.first_id}, {plan.last_id}"
    yield "requests", f"{plan.requests:,}"
    speed = f"{rate.first:g} requests/s"
    if rate.first != rate.ceiling:
        speed = f"{rate.first:g} to {rate.ceiling:g} requests/s, as it is learned"
    low, high = show_duration(plan.seconds.low), show_duration(plan.seconds.high)
    yield "duration", f"{low} to {high}, at {speed}"
    yield "sha256", manifest.sha256 or ""
