"""What a process that may hold the credential, or writes what became of ids, does before anything else."""

import os
import resource


def confine() -> None:
    """Files that it and its children make are their owner's alone; a crash leaves no image of its memory.

    Weakness: a file that was there before keeps its mode, and an image that the kernel pipes to a program
    (`core_pattern` with a |) is that program's to refuse.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
