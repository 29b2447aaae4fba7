"""The style sheet, the script and the icon of the page."""

from importlib.resources import files
from typing import Final, NamedTuple

from litestar import Response, get

from producers.web.api import AnyRequest
from producers.web.etags import etag_of, matches
from producers.web.problems import Code, ProblemError

_HERE: Final = files("producers.web.page").joinpath("assets")
_REPORT: Final = files("worker.reports.html")


class Asset(NamedTuple):
    media_type: str
    content: bytes
    etag: str


def _asset(media_type: str, *contents: bytes) -> Asset:
    content = b"\n".join(contents)
    return Asset(media_type, content, etag_of(content))


ASSETS: Final = {
    # The report's own comes first: the page adds to its look.
    "page.css": _asset(
        "text/css", _REPORT.joinpath("page.css").read_bytes(), _HERE.joinpath("page.css").read_bytes()
    ),
    "page.js": _asset("text/javascript", _HERE.joinpath("page.js").read_bytes()),
    "icon.svg": _asset("image/svg+xml", _HERE.joinpath("icon.svg").read_bytes()),
}


@get("/assets/{name:str}", include_in_schema=False)
async def asset(request: AnyRequest, name: str) -> Response[bytes]:
    found = ASSETS.get(name)
    if found is None:
        raise ProblemError(Code.NOT_FOUND, "no such file")
    fields = {"etag": found.etag, "cache-control": "no-cache", "cross-origin-resource-policy": "same-origin"}
    if matches(found.etag, request.headers.get("if-none-match")):
        return Response(b"", status_code=304, headers=fields)
    return Response(found.content, media_type=found.media_type, headers=fields)
