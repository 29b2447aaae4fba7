"""The ways in which the body of a 200 can be wrong as a whole."""

from collections.abc import Callable
from typing import Final, TypeAlias

Spoiling: TypeAlias = Callable[[bytes], bytes]

_HUGE: Final = 2 << 20


def intact(body: bytes) -> bytes:
    return body


def html(_body: bytes) -> bytes:
    """As of a proxy in between that answers 200 to everything."""
    return b"<html><head><title>Maintenance</title></head><body>Back soon</body></html>"


def other_shape(body: bytes) -> bytes:
    """JSON, and as a whole in a list."""
    return b"[" + body + b"]"


def with_bom(body: bytes) -> bytes:
    """Behind a byte order mark, which JSON does not allow."""
    return b"\xef\xbb\xbf" + body


def windows_1252(body: bytes) -> bytes:
    """With a field in windows-1252, which is no UTF-8."""
    return body[:-1] + b',"note":"caf\xe9"}'


def huge(body: bytes) -> bytes:
    """The honest answer behind megabytes of white space, which JSON allows."""
    return b" " * _HUGE + body
