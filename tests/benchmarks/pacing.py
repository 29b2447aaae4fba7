"""How close to the allowed rate the worker comes: `python -m tests.benchmarks.pacing CASE...`.

    known        a rate that was set: share reached, fullest second, 429s
    nginx        real nginx `limit_req`, at 0.99 of its rate
    unknown      RATE=auto against a token bucket
    low          RATE=auto against limits of 0.5 to 5/s, from starts of 1, 10 and 100 (a quarter of an hour)
    far          a rate that was set, with Redis 10 to 300 ms away
    steps        RATE=auto against a limit that falls to a tenth and comes back
    penalty      requests sent into a held time
    roundtrips   Redis commands for pacing, counted by MONITOR
    peers        other ways to do the same work, beside ours (needs the extra `benchmark`)
    all          one after another

Everything is measured at the server and runs on this machine: a machine that is busy with other things
shows in the figures. Prints figures, asserts nothing. `--json` prints a line of JSON per row instead.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.benchmarks.cases import CASES
from tests.benchmarks.options import Options, Row


def read_options(arguments: Sequence[str]) -> tuple[list[str], Options, bool]:
    default = Options()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="+", choices=(*CASES, "all"), metavar="CASE")
    parser.add_argument("--runs", type=int, default=default.runs)
    parser.add_argument("--seconds", type=float, default=default.seconds, help="of a run at a known rate")
    parser.add_argument("--rates", type=_numbers, default=default.rates, help="for example 50,200")
    parser.add_argument("--processes", type=_numbers, default=default.processes, help="for example 1,2")
    parser.add_argument("--batches", type=int, default=default.batches, help="of a run at an unknown rate")
    parser.add_argument("--latency", type=float, default=default.latency, help="seconds of each answer")
    parser.add_argument("--retry-after", default=default.retry_after, help="none or ceil, for low")
    parser.add_argument("--grace", type=float, default=default.grace, help="seconds on the way, for penalty")
    parser.add_argument("--json", action="store_true")
    given = vars(parser.parse_args(arguments))
    cases, as_json = given.pop("cases"), given.pop("json")
    return list(CASES) if "all" in cases else cases, Options(**given), as_json


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def table(case: str, rows: Sequence[Row]) -> Table:
    made = Table(title=case)
    for name in rows[0]:
        made.add_column(name, justify="right")
    for row in rows:
        made.add_row(*(str(value) for value in row.values()))
    return made


def main() -> None:
    cases, options, as_json = read_options(sys.argv[1:])
    console = Console()
    for case in cases:
        rows: list[Row] = []
        for row in CASES[case](options):
            rows.append(row)
            if as_json:
                console.out(json.dumps({"case": case, **row}), highlight=False)
        if not as_json:
            console.print(table(case, rows))


if __name__ == "__main__":
    main()
