"""`verify`: counts a job anew from its per-id record."""

import click

from producers.connection import opened
from producers.options import job_argument
from worker.core.errors import UnbalancedError
from worker.core.outcome import COUNTED
from worker.reports.recount import recount
from worker.settings import load


@click.command()
@job_argument
def command(job_id: str) -> int:
    """Recount a job from its per-id record and compare with the counters; exit 6 if they differ.

    Example: bulk-activate verify 20261124-093000-1a2b3c4d
    """
    with opened(load()) as store:
        found = recount(store, job_id)
    if found.differences:
        raise UnbalancedError(f"job {job_id} does not balance: {'; '.join(found.differences)}")
    parts = ", ".join(f"{found.recounted[name]:,} {name}" for name in COUNTED if found.recounted[name])
    click.echo(f"balanced: {found.recounted['total']:,} ids ({parts or 'none'}), each counted once")
    return 0
