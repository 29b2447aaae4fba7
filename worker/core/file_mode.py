"""Whether other users can read or write a file, judged by its POSIX mode and owner."""

import stat
from typing import Final

ROOT: Final = 0
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def written_by_others(mode: int, owner: int, user: int) -> str | None:
    """Why users other than `user` and root can write the file; None if they cannot."""
    if owner not in {ROOT, user}:
        return f"belongs to another user (uid {owner})"
    if mode & _OTHERS_WRITE:
        return f"others may write it (mode {stat.S_IMODE(mode):04o})"
    return None


def read_by_others(mode: int) -> str | None:
    """Why any user can read the file; None if not. Access by the group is allowed, as it may be intended."""
    return f"anybody may read it (mode {stat.S_IMODE(mode):04o})" if mode & stat.S_IROTH else None
