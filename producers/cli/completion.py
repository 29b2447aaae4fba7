"""Shell completion of job ids."""

from itertools import islice
from typing import Final

import click
from click.shell_completion import CompletionItem

from producers.submission.session import open_session
from worker.core.errors import BulkActivateError
from worker.core.visible import visible
from worker.settings import load

_MAX_SHOWN: Final = 50


def job_ids(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest jobs whose ids begin with `incomplete`, with their states; none while Redis is away."""
    try:
        with open_session(load(credential=False), lambda _: None) as session:
            return list(
                islice(
                    (
                        CompletionItem(fields["id"], help=visible(fields.get("state", "damaged")))
                        for fields in session.store.summaries()
                        # The shell puts ids into the command line: those with control characters are omitted.
                        if fields["id"].startswith(incomplete) and visible(fields["id"]) == fields["id"]
                    ),
                    _MAX_SHOWN,
                )
            )
    except BulkActivateError:
        return []
