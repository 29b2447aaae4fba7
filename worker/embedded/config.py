"""The server's configuration as text, and the environment that it starts in. No I/O."""

import os
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from worker.embedded.paths import ServerPaths

PRIVATE_PREFIX: Final = "BULK_ACTIVATE_"
"""Variables of ours, secrets among them, that the server has no use for."""

_PLAIN: Final = frozenset(string.ascii_letters + string.digits + string.punctuation + " ") - frozenset('"\\')


def config_text(paths: ServerPaths) -> str:
    """Directives that Redis 6.2, Redis 7 and Valkey 9 all understand; without any TCP port."""
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
        # A power cut leaves half a command at the end of the file: the rest of it is still good.
        ("aof-load-truncated", "yes"),
        # The record may never be evicted; a full server answers with an error instead.
        ("maxmemory-policy", "noeviction"),
    )
    return "".join(f"{name} {quoted(value)}\n" for name, value in directives)


def quoted(value: str) -> str:
    """`value` in the double quotes of Redis's configuration; odd bytes are written in hexadecimal."""
    escaped = (chr(byte) if chr(byte) in _PLAIN else f"\\x{byte:02x}" for byte in os.fsencode(value))
    return '"' + "".join(escaped) + '"'


def environment(outer: Mapping[str, str]) -> dict[str, str]:
    """`outer` without our own variables, and with a locale that every system has.

    Redis 7 does not start under a locale that is named but not installed, as ssh likes to bring along.
    """
    kept = {name: value for name, value in outer.items() if not name.startswith(PRIVATE_PREFIX)}
    return kept | {"LC_ALL": "C"}


def url_of(socket: Path) -> str:
    """The URL for `redis.Redis.from_url`. A socket's path needs no quoting, see `paths.is_usable_socket`."""
    return f"unix://{socket}?db=0"
