"""What every handler works with, and the checks that they share."""

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from producers.client import Client
from producers.job import Job
from producers.submission.request import require_org
from producers.web.bodies import in_time, next_piece
from producers.web.documents import Document, document_of
from producers.web.feeds import Feeds
from producers.web.keys import Key, Keys, Role
from producers.web.limits import Limits
from producers.web.problems import Code, ProblemError
from producers.web.sessions import Sessions
from producers.web.stopping import Stopping
from producers.web.threads import Threads
from producers.web.uploads import Bounds
from worker.core.errors import BadInputError
from worker.settings import Settings
from worker.store.location import no_such_job

AnyRequest = Request[Any, Any, Any]

JSON = "application/json"
_MAX_BODY = 64 * 1024
"""Bytes of a body that is no list: it holds a reason or a number."""


def _number(text: str) -> int | float:
    """Of JSON's numbers, 5.0 is a whole one."""
    value = float(text)
    return int(value) if value.is_integer() else value


_DECODER = msgspec.json.Decoder(float_hook=_number)


@dataclass(frozen=True)
class Api:
    """The parts of the server."""

    settings: Settings
    client: Client
    threads: Threads
    feeds: Feeds
    stopping: Stopping
    limits: Limits
    bounds: Bounds
    """Of lists that come in."""
    keys: Keys
    sessions: Sessions

    async def job(self, request: AnyRequest, job_id: str) -> Job:
        """The job, steered by the key of the request. Raises `NoSuchJobError` if that does not reach it."""
        return await self.threads.quick.run(self._reached, key_of(request), job_id)

    def _reached(self, key: Key, job_id: str) -> Job:
        job = self.client.acting_as(key.name).job(job_id)
        # A job of a foreign organization and none at all are answered in the same words.
        if not key.reaches(job.org_id()):
            raise no_such_job(job_id, self.client.where)
        return job

    async def document_of(self, request: AnyRequest, job_id: str) -> Document:
        """The document of such a job, read in the same thread: most requests ask for no more."""
        key = key_of(request)
        return await self.threads.quick.run(lambda: document_of(self._reached(key, job_id).report()))

    def is_admitted(self, request: AnyRequest) -> bool:
        """Whether the key of a request that takes long is as it was, and its session has not ended."""
        key, session = key_of(request), request.scope.get("auth")
        is_over = session is not None and session.is_over
        return not is_over and self.keys.with_digest(key.digest) == key

    async def document(self, job: Job) -> Document:
        return await self.feeds.read(job)

    def org(self, request: AnyRequest, org_id: str) -> str:
        """The organization that the request names. Raises `ProblemError` where the key does not reach it."""
        wanted = org_id or self.settings.org_id
        if wanted is None:
            raise BadInputError("org_id: name the organization")
        require_org(wanted, "org_id")
        if not key_of(request).reaches(wanted):
            raise ProblemError(Code.FORBIDDEN, f"this key does not reach organization {wanted}")
        return wanted


def api_of(request: AnyRequest) -> Api:
    found: Api = request.app.state.api
    return found


def key_of(request: AnyRequest) -> Key:
    """The key that came with the request."""
    key: Key = request.scope["user"]
    return key


# Litestar would run a plain function in a thread, which takes longer than the whole of it.
async def require_role(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuses a key whose role is below that of the handler."""
    needed = Role(handler.opt.get("role", Role.VIEWER))
    key: Key | None = connection.scope.get("user")
    if key is not None and not key.role.may(needed):
        raise ProblemError(Code.FORBIDDEN, f"the key {key.name} is {key.role}; this needs {needed}")


def shown(document: Document, status: int = 200, **headers: str) -> Response[bytes]:
    """The document as an answer."""
    return Response(
        document.printed,
        status_code=status,
        media_type=JSON,
        headers={"etag": document.etag, "cache-control": "private, no-cache", **headers},
    )


def as_json(value: object, status: int = 200) -> Response[bytes]:
    return Response(
        msgspec.json.encode(value), status_code=status, media_type=JSON, headers={"cache-control": "no-store"}
    )


async def small_body(request: AnyRequest) -> bytes:
    """The whole body. Raises `ProblemError` for one that is too large, or comes too slowly."""
    api, body, comes_more = api_of(request), b"", True
    async with in_time(api.stopping, api.limits.silence):
        while comes_more:
            piece, comes_more = await next_piece(request)
            body += piece
            if len(body) > _MAX_BODY:
                raise ProblemError(Code.TOO_LARGE, f"more than {_MAX_BODY:,} bytes")
    return body


async def json_body(request: AnyRequest, kind: Any, default: Any) -> Any:
    """The JSON body as `kind`; `default` where there is none. Raises `ProblemError` and `BadInputError`."""
    body = await small_body(request)
    if not body.strip() and default is not None:
        return default
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise ProblemError(Code.UNSUPPORTED_MEDIA_TYPE, f"the Content-Type of this body is {JSON}")
    try:
        return msgspec.convert(_DECODER.decode(body), kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(f"the body: {error}") from None
