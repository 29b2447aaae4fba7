"""What a shell may complete: the ids of the jobs that are there."""

from itertools import islice
from typing import Final

import click
from click.shell_completion import CompletionItem

from producers.connection import open_store
from worker.core.errors import BulkActivateError
from worker.core.visible import visible
from worker.settings import load

_MAX_SHOWN: Final = 50


def job_ids(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest jobs whose id begins so, with their state. None where Redis cannot be asked."""
    try:
        with open_store(load()) as store:
            return list(
                islice(
                    (
                        CompletionItem(fields["id"], help=visible(fields.get("state", "damaged")))
                        for fields in store.summaries()
                        # No other id is shown to a shell, which would put it into the command line.
                        if fields["id"].startswith(incomplete) and visible(fields["id"]) == fields["id"]
                    ),
                    _MAX_SHOWN,
                )
            )
    except BulkActivateError:
        return []
