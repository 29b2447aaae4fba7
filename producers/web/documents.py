"""The document of `status` as HTTP sends it."""

from typing import NamedTuple

import msgspec

from producers.web.etags import etag_of
from worker.core.job import AT_REST, State
from worker.core.reporting.schema import Report


class Document(NamedTuple):
    """The document of `status`, with its entity tag."""

    compact: bytes
    """On one line."""
    etag: str
    state: State

    @property
    def rests(self) -> bool:
        return self.state in AT_REST

    @property
    def printed(self) -> bytes:
        """The bytes that `status -o json` prints."""
        return msgspec.json.format(self.compact, indent=2) + b"\n"


def document_of(report: Report) -> Document:
    compact = msgspec.json.encode(report)
    return Document(compact, etag_of(compact), report.state)
