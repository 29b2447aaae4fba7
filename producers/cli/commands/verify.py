"""`verify`: recounts a job from its per-id record, or checks a results folder."""

from pathlib import Path

import click

from producers.cli.connection import open_client
from producers.cli.options import job_argument, local_option
from worker.core.errors import BadInputError, UnbalancedError
from worker.core.outcome import COUNTED
from worker.core.visible import visible
from worker.reports.proof import check_proof
from worker.settings import load


@click.command()
@job_argument(required=False)
@local_option
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Check a results folder instead, offline.",
)
def command(job_id: str | None, folder: Path | None, local: bool) -> int:
    """Recount a job from its per-id record and compare with the counters; exit 6 if they differ.

    With --folder, check a results folder of `run` instead: no Redis needed.

    Example: bulk-activate verify 20261124-093000-1a2b3c4d
    """
    if (job_id is None) == (folder is None):
        raise BadInputError("verify: name a JOB, or a results folder with --folder; one of the two")
    if folder is not None:
        return _folder(folder)
    assert job_id is not None
    with open_client(load(credential=False), local=local) as client:
        found = client.job(job_id).verify()
    if found.differences:
        raise UnbalancedError(f"job {job_id} does not balance: {'; '.join(found.differences)}")
    parts = ", ".join(f"{found.recounted[name]:,} {name}" for name in COUNTED if found.recounted[name])
    click.echo(f"balanced: {found.recounted['total']:,} ids ({parts or 'none'}), each counted once")
    return 0


def _folder(folder: Path) -> int:
    proof = check_proof(folder)
    if proof.differences:
        raise UnbalancedError(f"{folder} does not hold together: {'; '.join(proof.differences)}")
    click.echo(
        f"whole: {proof.total:,} ids of job {visible(proof.job_id)}, each once; every file as it was written"
    )
    click.echo(f"sha256 of manifest.json: {proof.manifest_sha256}")
    return 0
