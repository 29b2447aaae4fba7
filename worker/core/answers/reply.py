"""An answer of the API as received, or its absence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import msgspec

from worker.core.answers.document import read_object
from worker.core.answers.trust import TokenAction
from worker.core.redact import redact

MAX_BODY: Final = 1 << 20
"""Maximum bytes of a body that are read. A genuine answer about 15 ids is far smaller."""

_REQUEST_ID: Final = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
"""A plausible request id; the API documents no format."""

_HOST: Final = re.compile(r"[\w.:\[\]-]{1,255}", re.ASCII)


class Reply(msgspec.Struct, frozen=True):
    """An answer as received; at most `MAX_BODY` bytes of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    token_action: TokenAction = TokenAction.RENEW
    """What to do about the access token of this request, if it was rejected."""
    hint: str = ""
    """What looks wrong about that token, for the message; empty if nothing does."""

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")


@dataclass(frozen=True, slots=True)
class NoReply:
    """No complete answer was received. `sent` is false only if the request cannot have reached the API."""

    name: str
    message: str
    sent: bool


def request_id(reply: Reply) -> str | None:
    """The request id that the API gave, for its support; None without one."""
    document = read_object(reply.body) or {}
    given = document.get("requestId")
    if not isinstance(given, str):
        given = reply.headers.get("X-Request-Id", "")
    # An id that looks like a secret would be changed by redaction, and is dropped.
    return given if _REQUEST_ID.fullmatch(given) and redact(given) == given else None


def redirect_host(reply: Reply) -> str | None:
    """The target of a redirect as `HOST` or `HOST:PORT`; None if the answer is no redirect or names no host.

    It is shown, and never followed, since the new host would get the credential.
    """
    if not HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        return None
    try:
        host = urlsplit(reply.headers.get("Location", "")).netloc.rpartition("@")[2]
    except ValueError:
        return None
    return host if _HOST.fullmatch(host) else None
