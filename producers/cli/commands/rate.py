"""`set-rate`: changes the rate of an organization for all workers, while jobs run."""

import click

from producers.cli.connection import open_client
from producers.display.notices import warn
from producers.submission.rate import DEFAULT
from worker.core.rate.rate_config import AUTO
from worker.settings import load


@click.command()
@click.argument("org_id", metavar="ORG")
@click.argument("rate", metavar="RATE|auto|default")
def command(org_id: str, rate: str) -> int:
    """Change the allowed requests per second of an organization, for every worker at once.

    The rate is that of the API at API_URL: each API has its own. 'auto' lets the workers find it; 'default'
    goes by their settings again.

    Example: bulk-activate set-rate 6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f 50
    """
    with open_client(load(credential=False)) as client:
        change = client.set_rate(org_id, rate)
    meanings = {AUTO: "is learned by the workers", DEFAULT: "is what the workers' settings say"}
    meaning = meanings.get(change.order, f"is {change.order} requests per second")
    click.echo(f"the rate of {org_id} at {change.api_url} {meaning} from now on", err=True)
    if change.warning is not None:
        warn(change.warning)
    return 0
