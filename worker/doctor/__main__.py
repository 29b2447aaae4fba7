"""`doctor`: checks Redis, the workers, the credential and the API."""

import asyncio
import sys
from typing import Final

import click
import msgspec

from worker import settings
from worker.api.network import check_network
from worker.core.errors import BadInputError
from worker.core.ids import is_org_id
from worker.core.visible import visible
from worker.doctor.api import check_api
from worker.doctor.check import Check, Status, exit_code
from worker.doctor.store import check_store
from worker.process.exit_on_error import exit_on_error
from worker.settings import Settings
from worker.settings.secret_files import exposed_secrets
from worker.telemetry import logs

_SIGNS: Final = {Status.OK: "ok", Status.SKIPPED: "-"}


@click.command()
@click.option("--org", "org_id", metavar="GUID", help="Check the credential against this organization.")
@click.option("-o", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(org_id: str | None, output_format: str) -> None:
    """Check Redis, workers, credential, organization and API. Activates nothing.

    The exit code is 0 if all is well or there are warnings, 1 if a check failed, 7 if something is out of
    reach.

    Example: bulk-activate doctor --org 6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f
    """
    with exit_on_error():
        if org_id is not None and not is_org_id(org_id):
            raise BadInputError(f"--org: {org_id!r} is no organization's id: expected a GUID")
        loaded = settings.load(org_id=org_id)
        check_network(loaded)
    # Only warnings: that an access token was obtained is one of the checks.
    logs.configure(loaded.model_copy(update={"log_level": "warning"}))
    exposed = [Check("secrets", Status.WARNING, warning) for warning in exposed_secrets(loaded)]
    checks = [*check_store(loaded), *exposed, *asyncio.run(_api_checks(loaded))]
    code = exit_code(checks)
    if output_format == "json":
        document = {"schema_version": 1, "exit_code": code, "checks": checks}
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))
    else:
        for check in checks:
            sign = _SIGNS.get(check.status, check.status.upper())
            click.echo(f"{sign:<12} {check.name:<13} {visible(check.message)}")
    sys.exit(code)


async def _api_checks(loaded: Settings) -> list[Check]:
    return [check async for check in check_api(loaded, loaded.org_id)]
