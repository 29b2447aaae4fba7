"""The plan of a list: what it holds and how long it takes, and the text by which `submit` knows it again."""

import shlex
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec

from producers.reading import (
    InputOptions,
    Malformed,
    Manifest,
    ManifestCounter,
    Source,
    check_no_secrets,
    read_list,
    reading_of,
    survey,
)
from worker.core.errors import PlanDiffersError
from worker.core.rate.rate_config import RateConfig
from worker.core.reporting.estimate import Seconds, expected_seconds, requests_for

_MAX_SHOWN: Final = 10
"""Malformed lines that are described; `results` describes all of them once the job exists."""


class Duration(msgspec.Struct, frozen=True):
    """The expected duration in seconds: a range, as the API's rate limit is not known."""

    low: float
    high: float


class MalformedLine(msgspec.Struct, frozen=True):
    line: int
    why: str


class Plan(msgspec.Struct, frozen=True):
    """What `plan -o json` prints."""

    manifest: Manifest
    requests: int
    seconds: Duration
    plan: str
    """`SHA256:READING`: a hash over the list's bytes, and how they are read."""
    first_id: str | None
    """Abbreviated, as is the last."""
    last_id: str | None
    warnings: Sequence[str]
    """What looks like a mistake, one sentence each."""
    malformed_lines: Sequence[MalformedLine]
    """The first malformed lines, each with its reason."""


def make_plan(source: Source, options: InputOptions, rate: RateConfig) -> Plan:
    """Reads the list twice. Raises `BadInputError` for one that `submit` would refuse too."""
    check_no_secrets(source, options)
    surveyed = survey(source, options)
    counter = ManifestCounter()

    def malformed_rows() -> Iterator[Malformed]:
        for piece in read_list(source, options, surveyed):
            counter.count(piece)
            if isinstance(piece, Malformed):
                yield piece

    rows = malformed_rows()
    first = [MalformedLine(row.line, row.why) for row in islice(rows, _MAX_SHOWN)]
    for _ in rows:
        pass  # The counter sees them; none is kept.
    manifest = counter.manifest(source.sha256)
    requests = requests_for(manifest.unique)
    return Plan(
        manifest=manifest,
        requests=requests,
        seconds=_rounded(expected_seconds(requests, rate.first, rate.ceiling)),
        plan=f"{source.sha256}:{reading_of(source, options)}",
        first_id=surveyed.first or None,
        last_id=surveyed.last or None,
        warnings=surveyed.advice,
        malformed_lines=first,
    )


def _rounded(seconds: Seconds) -> Duration:
    return Duration(round(seconds.low, 1), round(seconds.high, 1))


def check_plan(source: Source, options: InputOptions, planned: str) -> None:
    """Raises `PlanDiffersError` if the list differs from the `planned` one.

    `planned` is `Plan.plan`, or the sha256 alone, which allows any reading.
    """
    sha256, colon, reading = planned.partition(":")
    if sha256.lower() != source.sha256:
        raise PlanDiffersError(
            f"--plan: the list's sha256 is {source.sha256}, not {sha256}: it is another list, or was"
            f" changed since; look at it with `bulk-activate plan {shlex.quote(source.argument)}`"
        )
    if colon and reading != (now := reading_of(source, options)):
        raise PlanDiffersError(
            f"--plan: the list was planned as {reading} and would now be read as {now}:"
            " give the reading options (--format, --column, ...) that `plan` was given"
        )
