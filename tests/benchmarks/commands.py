"""Counts the commands that Redis is sent, by what they are for.

By MONITOR, for some seconds: it shows each command as it came, with its keys. Commands that a script
calls inside the server are no round trips and are left out. Weakness: MONITOR costs Redis time, so no
rate is measured meanwhile.
"""

import time
from collections import Counter
from hashlib import sha1
from typing import Final

import redis

from worker.store.steps import BudgetStep, Step, text

BUDGET: Final = "bulk:budget:"


def watch(client: redis.Redis, seconds: float) -> Counter[str]:
    """Commands by name, that of the script where it is one of ours; marked where a key is of a budget."""
    scripts = {_sha(step): str(step) for step in (*Step, *BudgetStep)}
    found: Counter[str] = Counter()
    with client.monitor() as monitor:  # type: ignore[no-untyped-call]
        ends = time.monotonic() + seconds
        for event in monitor.listen():
            if time.monotonic() >= ends:
                break
            if event["client_type"] != "lua":
                found[_name(event["command"], scripts)] += 1
    return found


def pacing(commands: Counter[str]) -> int:
    return sum(count for name, count in commands.items() if name.startswith(BUDGET))


def _name(command: str, scripts: dict[str, str]) -> str:
    words = command.split(" ")
    name = words[0].lower()
    if name in {"evalsha", "fcall"} and len(words) > 1:
        name = scripts.get(words[1], name)
    return BUDGET + name if BUDGET in command else name


def _sha(step: Step | BudgetStep) -> str:
    return sha1(text(step).encode()).hexdigest()  # noqa: S324 -- that is how Redis names scripts.
