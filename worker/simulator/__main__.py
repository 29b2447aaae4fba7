"""The command line of the simulator: `python -P -m worker.simulator`."""

import asyncio
import ipaddress
import os
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from worker.simulator.config import BadConfigError, Config, configured
from worker.simulator.exchange_faults import BY_NAME, EXCHANGE_FAULTS, LIFETIME_NAMES, NONE
from worker.simulator.faults import FAULTS, NAMES, OUTAGES

TOKEN_VARIABLE: Final = "SIMULATOR_API_TOKEN"  # noqa: S105 -- the variable's name, not its value.
_DEFAULTS: Final = Config()

Function = TypeVar("Function", bound=Callable[..., Any])


def fault_options(function: Function) -> Function:
    """Adds an option for each fault."""
    for fault in reversed(FAULTS):
        flag = "--" + fault.name.replace("_", "-")
        help_ = f"Fraction of requests. {fault.help}"
        function = click.option(flag, metavar="F", type=float, default=0.0, help=help_)(function)
    return function


def loopback(_context: click.Context, _parameter: click.Parameter, host: str) -> str:
    """Checks that the address is a loopback one, since the service admits anyone."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise click.BadParameter(f"{host} is no loopback address: use 127.0.0.1 or ::1")


@click.command("simulator", context_settings={"show_default": True})
@click.option("--host", default="127.0.0.1", callback=loopback, help="Loopback address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: chosen by the system.")
@click.option("--with-parent", is_flag=True, help="Stop as soon as stdin ends.")
@click.option("--rate", type=float, default=0.0, help="Requests per second per organization; 0: no limit.")
@click.option("--burst", type=int, help="Requests at once after a rest.  [default: one second's worth]")
@click.option(
    "--retry-after",
    default=_DEFAULTS.retry_after,
    metavar="TEXT",
    help="With a 429: 'auto' the true time in whole seconds, 'date' the same as a date,"
    " 'none' nothing, else what is given.",
)
@click.option("--latency", type=float, default=0.0, help="Milliseconds to every answer.")
@click.option("--jitter", type=float, default=0.0, help="Milliseconds added to that at most.")
@click.option("--seed", type=int, default=0, help="Decides all that is left to chance.")
@click.option("--fail", metavar="F", type=float, default=0.0, help="Fraction of ids refused for good.")
@click.option("--active", metavar="F", type=float, default=0.0, help="Fraction of ids active beforehand.")
@click.option(
    "--poison", metavar="F", type=float, default=0.0, help="Fraction of ids that spoil their whole request."
)
@click.option("--poison-status", type=int, default=_DEFAULTS.poison_status, help="Status of such a request.")
@fault_options
@click.option(
    "--outage", type=click.Choice(sorted(OUTAGES)), help="A fault that strikes every request at the door."
)
@click.option("--forbid", is_flag=True, help="403 to every request.")
@click.option("--refuse-exchange", is_flag=True, help="Refuse every API token.")
@click.option(
    "--exchange-fault",
    type=click.Choice([NONE, *BY_NAME]),
    default=NONE,
    help="What every exchange is answered: "
    + " ".join(f"{fault.name}: {fault.help}" for fault in EXCHANGE_FAULTS),
)
@click.option(
    "--exchange-retry-after", default=_DEFAULTS.exchange_retry_after, metavar="TEXT", help="With these."
)
@click.option(
    "--expires-in",
    type=click.Choice(sorted(LIFETIME_NAMES)),
    default=_DEFAULTS.expires_in,
    help="What is said of an access token's life.",
)
@click.option("--token-delay", type=float, default=0.0, help="Seconds that new access tokens are refused.")
@click.option(
    "--token-refusals",
    metavar="F",
    type=float,
    default=0.0,
    help="Fraction of requests refused with a good access token.",
)
@click.option("--org", "orgs", metavar="ID", multiple=True, help="Organization that exists; any, if none.")
@click.option("--perm", "perms", multiple=True, default=_DEFAULTS.perms, help="In access tokens' claims.")
@click.option("--token-lifetime", type=float, default=_DEFAULTS.token_lifetime, help="Seconds.")
def command(host: str, port: int, with_parent: bool, **options: Any) -> None:
    """Serve a stand-in for the CSP API on this machine.

    Prints one line of JSON with its URL when it listens. SIGTERM and SIGINT end it. Fractions are from 0
    to 1. The API token it accepts is that in SIMULATOR_API_TOKEN; any, if unset. GET /world tells what
    became of each id, GET /stats what was counted; POST /control changes options while it runs.

    Example: python -P -m worker.simulator --port 8080 --rate 30 --fail 0.01
    """
    # Here, so that --help stays fast.
    from worker.simulator.process import serve  # noqa: PLC0415 -- imports an HTTP server.

    try:
        config = config_of(options)
    except BadConfigError as error:
        raise click.UsageError(str(error)) from None
    api_token = os.environ.get(TOKEN_VARIABLE) or None
    try:
        asyncio.run(serve(config, api_token, host, port, with_parent=with_parent))
    except OSError as error:
        # Not its own text, in which asyncio repeats the address.
        why = os.strerror(error.errno) if error.errno else error
        raise click.ClickException(f"cannot listen on {host} port {port}: {why}") from None


def config_of(options: Mapping[str, Any]) -> Config:
    """The configuration for the command's options, by parameter name. Raises `BadConfigError`."""
    faults = {name: fraction for name in NAMES if (fraction := options[name])}
    others = {name: value for name, value in options.items() if name not in NAMES}
    return configured({**others, "faults": faults})


if __name__ == "__main__":
    command()
