"""Counts the commands that Redis is sent, by what they are for.

By MONITOR, for some seconds: it shows each command as it came, with its keys. Commands that a script
calls inside the server are no round trips and are left out. Weakness: MONITOR costs Redis time, so no
rate is measured meanwhile.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha1
from threading import Event
from typing import Final

import redis

from worker.store.script_calls import BudgetScript, ExchangeScript, Script, source

BUDGET: Final = "bulk:budget:"


def watch(client: redis.Redis, seconds: float) -> Counter[str]:
    """Commands by name, that of the script where it is one of ours; marked where a key is of a budget."""
    ends = time.monotonic() + seconds
    return _counted(client, lambda _command: time.monotonic() >= ends, Event())


def counted(client: redis.Redis, work: Callable[[], object]) -> Counter[str]:
    """The same, of what is sent while `work` runs."""
    end, watching = f"the end of {uuid.uuid4()}", Event()
    with ThreadPoolExecutor(1) as beside:
        found = beside.submit(_counted, client, lambda command: end in command, watching)
        watching.wait()
        try:
            work()
        finally:
            client.echo(end)
        return found.result()


def _counted(client: redis.Redis, over: Callable[[str], bool], watching: Event) -> Counter[str]:
    scripts = {_sha(step): str(step) for step in (*Script, *BudgetScript, *ExchangeScript)}
    found: Counter[str] = Counter()
    with client.monitor() as monitor:  # type: ignore[no-untyped-call]
        watching.set()
        for event in monitor.listen():
            if over(event["command"]):
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


def _sha(step: Script | BudgetScript | ExchangeScript) -> str:
    return sha1(source(step).encode()).hexdigest()  # noqa: S324 -- that is how Redis names scripts.
