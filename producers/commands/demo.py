"""`demo`: `run` against the bundled simulator, with a made-up list."""

import os
import secrets
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from producers.children import Child
from producers.commands.run import finish
from producers.jobs import Request
from producers.local import Place, make_home, run
from producers.options import output_option
from producers.reading import Source
from worker.settings import NO_PROXY, PREFIX, load

_RATE: Final = 100
"""Requests per second that the simulated API allows, and the worker uses."""

_REFUSED: Final = 0.02
_ACTIVE: Final = 0.03


_SIMULATED: Final = (
    *("--port", "0", "--rate", str(_RATE), "--burst", "10", "--latency", "20"),
    *("--fail", str(_REFUSED), "--active", str(_ACTIVE)),
)


@click.command()
@click.option(
    "--ids", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True, help="Lines to make up."
)
@click.option("--output", type=click.Path(path_type=Path), help="The results folder; default: a new one.")
@output_option("table", "json")
def command(ids: int, output: Path | None, output_format: str) -> int:
    """See the whole job work: no credential, no network, nothing activated anywhere.

    The simulator refuses some ids on purpose, so the exit code is 3: done, but not for all.

    Example: bulk-activate demo --ids 1000
    """
    home = make_home(load().require_state_dir() / "demo")
    token = secrets.token_urlsafe(48)
    with tempfile.TemporaryDirectory(prefix="bulk-activate-demo-") as scratch:
        made_up = Path(scratch, "ids.txt")
        write_list(made_up, ids)
        environment = {**_bare(os.environ), "SIMULATOR_API_TOKEN": token}
        with Child("simulator", _SIMULATED, environment, home / "simulator.log") as simulator:
            own = {
                "api_url": str(simulator.ready()["url"]),
                "api_token": token,
                "rate": str(_RATE * 0.95),
                "state_dir": str(home),
                "proxy_url": NO_PROXY,  # The simulator is on this machine.
            }
            environment = _bare(os.environ) | {PREFIX + name.upper(): value for name, value in own.items()}
            click.echo(f"Activating {ids:,} made-up ids against a simulated API.", err=True)
            with Source.open(str(made_up)) as source:
                request = Request(org_id=str(uuid.uuid4()))
                report, folder = run(
                    source, request, load(**own), Place(home, output, demo=True), environment
                )
    return finish(report, folder, output_format)


def write_list(path: Path, count: int) -> None:
    """A list as people have them: mostly ids, some lines twice, a broken one."""
    with path.open("w") as file:
        ids: list[str] = []
        for line in range(1, count + 1):
            if line % 997 == 0:
                file.write("not an id\n")
            elif line % 499 == 0:
                file.write(f"{ids[len(ids) // 2]}\n")
            else:
                ids.append(str(uuid.uuid4()))
                file.write(f"{ids[-1]}\n")


def _bare(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the settings of the real thing: a demo must not touch a real organization."""
    return {name: value for name, value in environment.items() if not name.upper().startswith(PREFIX)}
