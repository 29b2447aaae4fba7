"""Server-Sent Events of a job (WHATWG HTML, 9.2): its document at each change, until it rests."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from litestar import get
from litestar.response import Stream

from producers.web.api import AnyRequest, Api, api_of
from producers.web.documents import Document
from producers.web.parameters import JobId

MEDIA_TYPE: Final = "text/event-stream"


@get(
    "/jobs/{job_id:str}/events",
    operation_id="watchJob",
    summary="The document of `status` at each change, as Server-Sent Events",
)
async def watch_job(request: AnyRequest, job_id: JobId) -> Stream:
    """`event: report` with the document, twice a second at most; `event: end` when the job rests."""
    api = api_of(request)
    first = await api.document_of(request, job_id)
    return Stream(
        _events(api, request, job_id, first),
        media_type=MEDIA_TYPE,
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _events(api: Api, request: AnyRequest, job_id: str, first: Document) -> AsyncIterator[bytes]:
    """Ends early with the key or the session that it began with."""
    last: Document | None = None
    async for document in api.feeds.changes(job_id, first, api.limits.beat):
        if not api.is_admitted(request):
            return
        if document is None:
            yield b": alive\n\n"
        else:
            last = document
            yield b"event: report\ndata: " + document.compact + b"\n\n"
    if last is not None and last.rests:
        yield b"event: end\ndata: " + msgspec.json.encode({"state": last.state}) + b"\n\n"
