"""The configuration of the server as text, and its environment. No I/O."""

import os
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from worker.embedded.paths import ServerPaths

PRIVATE_PREFIX: Final = "BULK_ACTIVATE_"
"""Prefix of our own variables, secrets among them, which the server does not need."""

_PLAIN: Final = frozenset(string.ascii_letters + string.digits + string.punctuation + " ") - frozenset('"\\')


def config_text(paths: ServerPaths) -> str:
    """Directives that Redis 6.2, Redis 7 and Valkey 9 all understand. No TCP port is opened."""
    directives = (
        ("port", "0"),
        ("unixsocket", str(paths.socket)),
        ("unixsocketperm", "600"),
        ("daemonize", "no"),
        ("dir", str(paths.home)),
        ("logfile", str(paths.log)),
        ("save", ""),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        # After a power cut the file may end in half a command: everything before it is still valid.
        ("aof-load-truncated", "yes"),
        # Records must never be evicted; a full server returns errors instead.
        ("maxmemory-policy", "noeviction"),
    )
    return "".join(f"{name} {quoted(value)}\n" for name, value in directives)


def quoted(value: str) -> str:
    """`value` as a quoted string of Redis's configuration, with unusual bytes in hexadecimal."""
    escaped = (chr(byte) if chr(byte) in _PLAIN else f"\\x{byte:02x}" for byte in os.fsencode(value))
    return '"' + "".join(escaped) + '"'


def environment(outer: Mapping[str, str]) -> dict[str, str]:
    """`outer` without our own variables, and with the locale C.

    Redis 7 does not start with a locale that is set but not installed, which ssh often passes on.
    """
    kept = {name: value for name, value in outer.items() if not name.startswith(PRIVATE_PREFIX)}
    return kept | {"LC_ALL": "C"}


def url_of(socket: Path) -> str:
    """The URL of a socket. Its path needs no quoting, see `paths.is_usable_socket`."""
    return f"unix://{socket}?db=0"
