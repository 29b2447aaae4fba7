"""Reads the form with a list (multipart/form-data, RFC 7578) while it comes, its file straight to disk."""

import re
from typing import IO, Any, Final

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from producers.web.list_file import Spool
from producers.web.problems import Code, ProblemError

_MAX_PARTS: Final = 8
_MAX_FIELD: Final = 4096
"""Bytes of a field that is no file."""
_MAX_NAME: Final = 100
"""Characters of a file's name that are kept, its end."""
_GZIP: Final = b"\x1f\x8b"


class FormReader:
    """Fed with the body, in any pieces; keeps the small fields, and writes the one file to `file`."""

    def __init__(self, content_type: str, file: IO[bytes], most: int) -> None:
        """Raises `ProblemError` for another media type."""
        media_type, options = parse_options_header(content_type)
        if media_type != "multipart/form-data" or not options.get("boundary"):
            raise ProblemError(Code.UNSUPPORTED_MEDIA_TYPE, "a form with a file comes as multipart/form-data")
        self._parser = _guarded(PushMultipartParser, options["boundary"], max_segment_count=_MAX_PARTS)
        self._file = file
        self._most = most
        self._part: MultipartSegment | None = None
        self._field = bytearray()
        self._spool: Spool | None = None
        self.fields: dict[str, str] = {}
        self.file_name = ""
        """Without folders and without `.gz`."""

    def write(self, data: bytes) -> None:
        """Raises `ProblemError` for what is no such form, or too large."""
        if data:
            for event in _guarded(lambda: list(self._parser.parse(data))):
                self._take(event)

    def finish(self) -> None:
        """Raises `ProblemError` for a form that is cut short, and for damaged gzip."""
        _guarded(self._parser.close)
        if self._spool is not None:
            self._spool.finish()

    def _take(self, event: Any) -> None:
        if isinstance(event, MultipartSegment):
            self._part = event
            self._field.clear()
            if event.filename is not None:
                self.file_name = _plain(event.filename)
        elif self._part is None or event is None:
            if self._part is not None and self._part.filename is None:
                self.fields[self._part.name] = self._field.decode("utf-8", "replace").strip()
        elif self._part.filename is not None:
            self._into_file(self._part.filename, bytes(event))
        else:
            self._field += event
            if len(self._field) > _MAX_FIELD:
                raise ProblemError(Code.TOO_LARGE, f"{self._part.name}: more than {_MAX_FIELD:,} bytes")

    def _into_file(self, name: str, data: bytes) -> None:
        if self._spool is None:
            is_gzip = name.lower().endswith(".gz") or data.startswith(_GZIP)
            self._spool = Spool(self._file, self._most, is_gzip=is_gzip)
        self._spool.write(data)


def _plain(name: str) -> str:
    return re.sub(r"(?i)(?:\.gz)+$", "", re.split(r"[/\\]", name)[-1])[-_MAX_NAME:]


def _guarded(call: Any, *arguments: Any, **options: Any) -> Any:
    try:
        return call(*arguments, **options)
    except MultipartError as error:
        raise ProblemError(Code.BAD_INPUT, f"this is no form of ours: {error}") from None
