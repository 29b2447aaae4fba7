"""Protects files and memory of a process that may hold the credential or writes results."""

import os
import resource


def confine() -> None:
    """Makes new files of this process and its children private to their owner, and turns core dumps off.

    Call it first. Weaknesses: existing files keep their modes, and a core dump that the kernel pipes to a
    program (`core_pattern` beginning with |) is not prevented.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
