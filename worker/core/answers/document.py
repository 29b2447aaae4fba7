"""Parses a body as a JSON object in whatever encoding: only JSON objects are answers of the API.

Tolerates a byte order mark, a declared charset, bytes of another encoding, lone surrogates and raw control
characters: within a JSON object they can only be part of a text, which is sanitized later.
"""

import codecs
import json
import re
from typing import Any, Final, TypeAlias

import msgspec

from worker.core.redact import redact

Document: TypeAlias = dict[str, Any]
"""A JSON object as parsed by `json`, with numbers as text, since they may be ids, or of any size."""

_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE | re.ASCII)
_KNOWN: Final = re.compile(
    r"utf[_-]?(8|16|32)([_-]?[bl]e)?|us-ascii|ascii|latin-?1|iso-8859-\d{1,2}|(windows-|cp)\d{3,4}"
    r"|shift_jis|gbk|gb2312|gb18030|big5|euc-(jp|kr)|koi8-[ru]",
    re.IGNORECASE | re.ASCII,
)
"""Accepted charsets. Python has other codecs, some of which are slow or no text encodings."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAX_KEPT: Final = 8000
"""Maximum length of a message in characters: far more than is shown, so that redaction sees whole words."""

_STRAY_BYTE: Final = re.compile("[\udc80-\udcff]")

_decoder: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)


def read_object(body: bytes, content_type: str = "") -> Document | None:
    """Parses `body` as a JSON object in any encoding, with numbers as text; None if it is anything else."""
    try:
        document = _decoder.decode(_text(body, content_type))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def document_of(body: bytes) -> dict[str, Any] | None:
    """Parses `body` as a JSON object in UTF-8, with numbers as numbers; None if it is anything else.

    Anything else (HTML, text, nothing, a JSON list) shows that the API was not reached, and says nothing
    about an id, a credential or an organization.
    """
    try:
        try:
            document: Any = msgspec.json.decode(body)
        except msgspec.ValidationError:
            # msgspec rejects numbers out of range, such as 1e999, which must not spoil the rest.
            document = json.loads(body, parse_int=float)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def error_message(body: bytes) -> str:
    """The redacted message of a `CspErrorResponse`; '' if the body has none (HTML, empty, other JSON)."""
    return message_of(read_object(body))


def message_of(document: Document | None) -> str:
    """The redacted message of an error document; '' without one."""
    return "" if document is None else redact(plain(document.get("message")))


def plain(value: object) -> str:
    """A message as text: that of an object with a `message`, else the value as JSON; '' for null."""
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        value = value["message"]
    if not isinstance(value, str):
        value = "" if value is None else json.dumps(value, ensure_ascii=False)
    return _STRAY_BYTE.sub(_western, value[:_MAX_KEPT])


def status_named(document: Document) -> int | None:
    """The HTTP error status in an error document; None if there is none."""
    for name in ("statusCode", "status"):
        given = document.get(name)
        if isinstance(given, str) and re.fullmatch(r"[45]\d\d", given, re.ASCII):
            return int(given)
    return None


def _text(body: bytes, content_type: str) -> str:
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body.decode(encoding, "surrogateescape" if encoding == "utf-8-sig" else "strict")
    declared = _CHARSET.search(content_type)
    if declared is not None and _KNOWN.fullmatch(declared[1]):
        try:
            return body.decode(declared[1])
        except (UnicodeError, LookupError):
            pass  # The declared charset is wrong.
    return body.decode("utf-8", "surrogateescape")


def _western(stray: re.Match[str]) -> str:
    """Decodes a byte that is not valid UTF-8 as Windows-1252, the most common other encoding."""
    return bytes([ord(stray[0]) - 0xDC00]).decode("cp1252", "replace")
