"""`set-rate`: how fast all workers may send for an organization, while they do."""

import click

from producers.connection import opened
from producers.options import org_of
from worker.core.errors import BadInputError
from worker.core.rate.terms import AUTO
from worker.settings import MOST_PER_SECOND, load

DEFAULT = "default"


@click.command()
@click.argument("org_id", metavar="ORG")
@click.argument("rate", metavar="RATE|auto|default")
def command(org_id: str, rate: str) -> int:
    """Change the allowed requests per second of an organization, for every worker at once.

    'auto' lets the workers find the rate; 'default' goes by their settings again.

    Example: bulk-activate set-rate 6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f 50
    """
    settings = load()
    org_id, order = org_of(org_id, "ORG"), order_of(rate)
    with opened(settings) as store:
        store.set_rate(settings.api_host, org_id, order)
    said = {AUTO: "is learned by the workers", DEFAULT: "is what the workers' settings say"}
    click.echo(
        f"the rate of {org_id} {said.get(order, f'is {order} requests per second')} from now on", err=True
    )
    return 0


def order_of(rate: str) -> str:
    """What to order: 'auto', 'default', or a number in its shortest form. Raises `BadInputError`."""
    if rate in {AUTO, DEFAULT}:
        return rate
    try:
        value = float(rate)
    except ValueError:
        value = 0.0
    if not 0 < value <= MOST_PER_SECOND:
        raise BadInputError(
            f"RATE: {rate!r} is neither 'auto' nor 'default' nor requests per second, more than 0,"
            f" at most {MOST_PER_SECOND:,}"
        )
    return f"{value:g}"
