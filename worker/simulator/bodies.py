"""Ways in which the body of a 200 can be wrong as a whole."""

import re
from collections.abc import Callable
from typing import Final, TypeAlias

Spoiling: TypeAlias = Callable[[bytes], bytes]

_HUGE: Final = 2 << 20
"""Bytes of white space before a huge body."""

_MESSAGE: Final = re.compile(rb'("message":"[^"]*)"')


def intact(body: bytes) -> bytes:
    """The honest body."""
    return body


def html(_body: bytes) -> bytes:
    """The page of a proxy that answers 200 to everything."""
    return b"<html><head><title>Maintenance</title></head><body>Back soon</body></html>"


def other_shape(body: bytes) -> bytes:
    """The JSON document, wrapped in a list."""
    return b"[" + body + b"]"


def with_bom(body: bytes) -> bytes:
    """The body behind a byte order mark, which JSON does not allow."""
    return b"\xef\xbb\xbf" + body


def windows_1252(body: bytes) -> bytes:
    """The body with a field in windows-1252, which is not UTF-8."""
    return body[:-1] + b',"note":"caf\xe9"}'


def cut_messages(body: bytes) -> bytes:
    """Messages end with half an emoji, as where they were cut to a length of UTF-16."""
    return _MESSAGE.sub(rb'\1 \\ud83d"', body)


def windows_1252_messages(body: bytes) -> bytes:
    """Messages end with a letter in windows-1252, which is not UTF-8."""
    return _MESSAGE.sub(b'\\1 caf\xe9"', body)


def huge(body: bytes) -> bytes:
    """The body behind megabytes of white space, which JSON allows."""
    return b" " * _HUGE + body
