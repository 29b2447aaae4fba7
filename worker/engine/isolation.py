"""Starts a process for one slice, of which workers died, it seems, and sees how it ends."""

import asyncio
import sys


async def run_alone(job_id: str, slice_no: int, nonce: str, stopping: asyncio.Event) -> bool:
    """Whether the process ended well. It claims the slice under `nonce`, with the settings of this one.

    It is told to stop, and gives the slice back, once `stopping` is set; it ends with this process, too.
    """
    arguments = ("-P", "-m", "worker", "slice", job_id, str(slice_no), nonce, "--with-parent")
    # Its own session: a Ctrl-C reaches it through this process alone.
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=asyncio.subprocess.PIPE, start_new_session=True
    )
    ended = asyncio.create_task(process.wait())
    told = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            process.terminate()
        return await ended == 0
    finally:
        told.cancel()
