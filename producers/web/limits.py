"""What clients may take of the server: time, connections, silence."""

import resource
from dataclasses import dataclass
from typing import Final

BACKLOG: Final = 256
"""Connections that are accepted in one go, before the first of them is looked at."""
_OTHER_FILES: Final = BACKLOG + 128
"""Descriptors besides those of connections: for Redis, lists that come, logs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, where nothing else is said. Tests set shorter ones."""

    head: float = 10.0
    """Until the head of a request is whole."""
    silence: float = 30.0
    """Until the next bytes of a body have to come."""
    unread: float = 60.0
    """That a client may leave what it was sent unread, or unacknowledged, before its connection is cut."""
    wait: float = 60.0
    """The longest long poll."""
    beat: float = 15.0
    """Without an event after which a comment shows that a stream is alive."""
    connections: int = 1000
    """Connections at a time. Each costs some 150 kB at most, where its client reads nothing."""

    uploads: int = 16
    """Lists that may come in, or be stored, at a time. Each takes SERVE_MAX_UPLOAD of the disk at most."""
    share_of_key: float = 0.25
    """Of the connections, and of the uploads, that one key may have at a time."""

    refusals: int = 20
    """Requests without a key that holds, each second, that are told so at once."""
    refusal_delay: float = 1.0
    """Until any more of them are."""

    def of_key(self, most: int) -> int:
        """How many of `most` one key may have."""
        return max(1, int(most * self.share_of_key))


DEFAULTS: Final = Limits()


def allowed_connections(wanted: int) -> int:
    """How many of `wanted` connections this process may have, once the system was asked for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(wanted, soft - _OTHER_FILES)
