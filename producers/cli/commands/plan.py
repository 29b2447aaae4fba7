"""`plan`: counts a list and estimates its duration. Nothing is stored or sent."""

import shlex
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import click

from producers.cli.options import as_arguments, input_options, open_source, output_option, reading_options
from producers.display import table
from producers.reading import (
    InputOptions,
    Malformed,
    Manifest,
    ManifestCounter,
    Source,
    Survey,
    check_no_secrets,
    read_list,
    survey,
)
from producers.submission.planned import plan_of, show_advice
from worker.core.duration import show_duration
from worker.core.reporting.estimate import Seconds, expected_seconds, requests_for
from worker.core.visible import visible
from worker.settings import Settings, load

_MAX_SHOWN: Final = 10
"""Malformed lines that are described; `results` describes all of them once the job exists."""


@click.command()
@reading_options
@click.option("--rate", metavar="R|auto", help="Requests per second; default: the RATE setting.")
@output_option("table", "json")
def command(file: str, rate: str | None, output_format: str, **given: Any) -> int:
    """Read and check a list without storing or sending any of it. Needs no Redis and no credential.

    Hand the plan to `submit --plan`, which refuses a list that was changed since or is read in another way.

    Example: bulk-activate plan ids.txt --rate 50
    """
    settings = load(credential=False, rate=rate)
    options = input_options(given)
    with open_source(file) as source:
        manifest, malformed, surveyed = _read(source, options)
        plan = plan_of(source, options)
    requests = requests_for(manifest.unique)
    seconds = expected_seconds(requests, *_rates(settings))
    if output_format == "json":
        table.as_json(
            {
                "manifest": manifest,
                "requests": requests,
                "seconds": {"low": round(seconds.low, 1), "high": round(seconds.high, 1)},
                "plan": plan,
                "first_id": surveyed.first or None,
                "last_id": surveyed.last or None,
                "warnings": surveyed.advice,
                "malformed_lines": [{"line": row.line, "why": row.why} for row in malformed],
            }
        )
        return 0
    for name, value in _rows(manifest, surveyed, requests, seconds, settings):
        click.echo(f"{name:<12} {visible(str(value))}")
    if malformed:
        click.echo("\nMalformed lines:")
    for row in malformed:
        click.echo(f"  line {row.line}: {row.why}")
    if manifest.malformed > len(malformed):
        click.echo(f"  and {manifest.malformed - len(malformed):,} more")
    show_advice(surveyed)
    arguments = shlex.join([file, *as_arguments(options)])
    hint = "look at the warning first; if the list is right as it is, " if surveyed.advice else ""
    click.echo(f"\nWithout a Redis of your own: bulk-activate run {arguments}", err=True)
    click.echo(f"Next: {hint}bulk-activate submit {arguments} --plan {shlex.quote(plan)}", err=True)
    return 0


def _read(source: Source, options: InputOptions) -> tuple[Manifest, list[Malformed], Survey]:
    check_no_secrets(source, options)
    surveyed = survey(source, options)
    counter = ManifestCounter()

    def malformed_rows() -> Iterator[Malformed]:
        for piece in read_list(source, options, surveyed):
            counter.count(piece)
            if isinstance(piece, Malformed):
                yield piece

    rows = malformed_rows()
    first = list(islice(rows, _MAX_SHOWN))
    for _ in rows:
        pass  # The counter sees them; none is kept.
    return counter.manifest(source.sha256), first, surveyed


def _rates(settings: Settings) -> tuple[float, float]:
    """The lowest and the highest expected rate, in requests per second."""
    return settings.rate_config.first, settings.rate_config.ceiling


def _rows(
    manifest: Manifest, surveyed: Survey, requests: int, seconds: Seconds, settings: Settings
) -> Iterator[tuple[str, str]]:
    yield "lines", f"{manifest.lines:,}"
    yield "unique ids", f"{manifest.unique:,}"
    yield "duplicates", f"{manifest.duplicates:,} (each id is sent once)"
    yield "malformed", f"{manifest.malformed:,} (never sent)"
    if surveyed.first:
        yield "first, last", f"{surveyed.first}, {surveyed.last}"
    yield "requests", f"{requests:,}"
    slowest, fastest = _rates(settings)
    rate = f"{slowest:g} requests/s"
    if slowest != fastest:
        rate = f"{slowest:g} to {fastest:g} requests/s, as it is learned"
    yield "duration", f"{show_duration(seconds.low)} to {show_duration(seconds.high)}, at {rate}"
    yield "sha256", manifest.sha256 or ""
