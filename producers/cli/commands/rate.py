"""`set-rate`: changes the rate of an organization for all workers, while jobs run."""

import click

from producers.cli.options import org_of
from producers.submission.connection import open_store
from worker.core.errors import BadInputError
from worker.core.rate.rate_config import AUTO
from worker.settings import MAX_RATE, PREFIX, load

DEFAULT = "default"


@click.command()
@click.argument("org_id", metavar="ORG")
@click.argument("rate", metavar="RATE|auto|default")
def command(org_id: str, rate: str) -> int:
    """Change the allowed requests per second of an organization, for every worker at once.

    The rate is that of the API at API_URL: each API has its own. 'auto' lets the workers find it; 'default'
    goes by their settings again.

    Example: bulk-activate set-rate 6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f 50
    """
    settings = load(credential=False)
    org_id, order = org_of(org_id, "ORG"), rate_order(rate)
    with open_store(settings) as store:
        store.set_rate(settings.api_host, org_id, order)
        in_use = store.apis_in_use()
    meanings = {AUTO: "is learned by the workers", DEFAULT: "is what the workers' settings say"}
    meaning = meanings.get(order, f"is {order} requests per second")
    click.echo(f"the rate of {org_id} at {settings.api_url} {meaning} from now on", err=True)
    if settings.api_url not in in_use:
        others = f" but {', '.join(sorted(in_use))}" if in_use else ""
        click.echo(
            f"Warning: no live worker and no unfinished job has {settings.api_url}{others}:"
            f" if that is not the API you mean, set {PREFIX}API_URL and give the order again",
            err=True,
        )
    return 0


def rate_order(rate: str) -> str:
    """The order for the store: 'auto', 'default', or requests per second in shortest form.

    Raises `BadInputError`.
    """
    if rate in {AUTO, DEFAULT}:
        return rate
    try:
        value = float(rate)
    except ValueError:
        value = 0.0
    if not 0 < value <= MAX_RATE:
        raise BadInputError(
            f"RATE: {rate!r} is neither 'auto' nor 'default' nor requests per second, more than 0,"
            f" at most {MAX_RATE:,}"
        )
    return f"{value:g}"
