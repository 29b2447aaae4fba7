"""`demo`: `run` against the bundled simulator, with a generated list."""

import os
import secrets
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click

from producers.cli.commands.run import show_result
from producers.cli.commands.serve import EXTRA, missing_extra
from producers.cli.options import output_option
from producers.local.children import Child
from producers.local.paths import RunPaths, make_home
from producers.local.run import Beside, run
from producers.reading import Source
from producers.submission.request import JobRequest
from worker.settings import NO_PROXY, PREFIX, Settings, load

_RATE: Final = 100
"""Requests per second that the simulated API allows; the worker sends slightly fewer."""

_FAIL_SHARE: Final = 0.02
"""Share of the ids that the simulator refuses for good."""

_ACTIVE_SHARE: Final = 0.03
"""Share of the ids that are active beforehand."""

_SIMULATOR_OPTIONS: Final = (
    *("--port", "0", "--rate", str(_RATE), "--burst", "10", "--latency", "20"),
    *("--fail", str(_FAIL_SHARE), "--active", str(_ACTIVE_SHARE)),
)


@click.command()
@click.option(
    "--ids", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True, help="Lines to make up."
)
@click.option("--output", type=click.Path(path_type=Path), help="The results folder; default: a new one.")
@click.option("--web", is_flag=True, help="Show it in a browser too, until Ctrl-C (extra `serve`).")
@output_option("table", "json")
def command(ids: int, output: Path | None, web: bool, output_format: str) -> int:
    """See the whole job work: no credential, no network, nothing activated anywhere.

    The simulator refuses some ids on purpose, so the exit code is 3: done, but not for all. With --web it
    prints the address of the job's page, which holds for this run alone.

    Example: bulk-activate demo --ids 1000
    """
    if web and not all(map(find_spec, EXTRA)):
        raise missing_extra()
    home = make_home(load().require_state_dir() / "demo")
    token = secrets.token_urlsafe(48)
    with tempfile.TemporaryDirectory(prefix="bulk-activate-demo-") as scratch:
        list_file = Path(scratch, "ids.txt")
        write_list(list_file, ids)
        environment = {**_without_settings(os.environ), "SIMULATOR_API_TOKEN": token}
        with Child("simulator", _SIMULATOR_OPTIONS, environment, home / "simulator.log") as simulator:
            overrides: dict[str, Any] = {
                "api_url": str(simulator.wait_until_ready()["url"]),
                "api_token": token,
                "rate": str(_RATE * 0.95),
                "state_dir": str(home),
                "proxy_url": NO_PROXY,  # The simulator is on this machine.
            }
            environment = _without_settings(os.environ) | {
                PREFIX + name.upper(): value for name, value in overrides.items()
            }
            # Whoever serves needs no credential.
            of_page = {name: value for name, value in environment.items() if name != f"{PREFIX}API_TOKEN"}
            beside: Beside = _page(of_page, Path(scratch, "serve.log")) if web else nullcontext
            click.echo(f"Activating {ids:,} made-up ids against a simulated API.", err=True)
            with Source.open(str(list_file)) as source:
                request = JobRequest(org_id=str(uuid.uuid4()))
                report, folder = run(
                    source,
                    request,
                    load(**overrides),
                    RunPaths(home, output, demo=True),
                    environment,
                    beside=beside,
                )
    return show_result(report, folder, output_format)


def _page(environment: Mapping[str, str], log: Path) -> Beside:
    """Shows the page of the job, says its address, and keeps it after the job until Ctrl-C.

    `log` gets the address too, with a key that ends with the page: it has to be a file that goes with it.
    """

    @contextmanager
    def shown(settings: Settings) -> Iterator[None]:
        given = {**environment, f"{PREFIX}REDIS_URL": settings.redis_url}
        with Child("serve", ["--port", "0"], given, log, module="producers.cli.main") as server:
            server.first_line()
            # It was written before that line.
            address = log.read_text().splitlines()[0].split()[-1]
            click.echo(f"The page of the job, for you alone: {address}", err=True)
            yield
            click.echo("The job rests. Its page stays until Ctrl-C.", err=True)
            with suppress(KeyboardInterrupt):
                server.wait()

    return shown


def write_list(path: Path, count: int) -> None:
    """Writes `count` lines: mostly ids, some of them twice, and a few malformed lines."""
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


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without our settings: a demo must not reach a real organization."""
    return {name: value for name, value in environment.items() if not name.upper().startswith(PREFIX)}
