"""Who besides its user may write or read a file, by what the file system tells of it. POSIX modes."""

import stat
from typing import Final

ROOT: Final = 0
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def written_by_others(mode: int, owner: int, user: int) -> str | None:
    """How somebody besides `user` and root could write a file; None where nobody could."""
    if owner not in {ROOT, user}:
        return f"belongs to another user (uid {owner})"
    if mode & _OTHERS_WRITE:
        return f"others may write it (mode {stat.S_IMODE(mode):04o})"
    return None


def read_by_others(mode: int) -> str | None:
    """How anybody could read a file; None where they could not. A group may be there just for that."""
    return f"anybody may read it (mode {stat.S_IMODE(mode):04o})" if mode & stat.S_IROTH else None
