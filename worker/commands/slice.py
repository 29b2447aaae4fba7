"""`python -P -m worker slice`: works on one slice and exits.

Workers start it for a slice that may have killed a worker: the exit status then says how it ended, and no
other slice dies with it.
"""

import asyncio
import os
import signal
import sys

import click

from worker import settings
from worker.engine.engine import Engine
from worker.engine.slice_work import StoppingError
from worker.process.exit_on_error import exit_on_error
from worker.process.lifeline import end_with_parent
from worker.process.signal_handlers import install_signal_handlers
from worker.queue import messages
from worker.settings import Settings
from worker.telemetry import logs


@click.command(hidden=True)
@click.argument("job_id")
@click.argument("slice_no", type=int)
@click.argument("nonce")
@click.option("--with-parent", is_flag=True, help="Stop as soon as stdin ends.")
def command(job_id: str, slice_no: int, nonce: str, with_parent: bool) -> None:
    """Work on slice SLICE_NO of job JOB_ID under the claim NONCE, and on nothing else.

    The exit code is 0 if the slice was settled or given back.
    """
    with exit_on_error():
        loaded = settings.load()
    logs.configure(loaded)
    install_signal_handlers()
    # Nobody reads stdout: whatever a library prints there goes to the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if with_parent:
        end_with_parent()
    asyncio.run(_work(loaded, job_id, slice_no, nonce))


async def _work(loaded: Settings, job_id: str, slice_no: int, nonce: str) -> None:
    app = messages.make_app(loaded)
    engine = Engine(loaded, lambda its_job, tickets: messages.send(app, its_job, tickets), only_job=job_id)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, engine.stop_soon)
    try:
        await engine.run_slice(job_id, slice_no, isolated_process=nonce)
    except StoppingError:
        pass
    finally:
        await engine.close()
