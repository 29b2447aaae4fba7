"""The user of `deploy/redis-user.conf` can do all that is to be done, and nothing else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest
import redis

from tests.e2e.stack import ORG, Simulator, Stack, simulator
from tests.redis.everything import do_everything
from tests.redis.guarded import PASSWORD, redis_server

CONF: Final = Path(__file__).parents[2] / "deploy" / "redis-user.conf"
DB: Final = 3
EXPORTER: Final = {"zrange"}
"""Asked by `metrics` alone."""


def rule() -> str:
    (line,) = (line for line in CONF.read_text().splitlines() if line.startswith("user "))
    return line.replace(">CHANGE-ME", f">{PASSWORD}").replace("&/0.", f"&/{DB}.")


@pytest.fixture(scope="module")
def api() -> Iterator[Simulator]:
    with simulator("--fail", "0.2") as running:
        yield running


@contextmanager
def watched(client: redis.Redis) -> Iterator[set[tuple[str, ...]]]:
    """Commands as they come: their names, keys and what follows, those of scripts too."""
    seen: set[tuple[str, ...]] = set()
    with redis.Redis(connection_pool=client.connection_pool).monitor() as monitor:  # type: ignore[no-untyped-call]

        def listen() -> None:
            while (command := monitor.next_command()["command"]) != "ECHO enough":
                words = command.split(" ")
                seen.add((*words[:2], "a message") if words[0] == "PUBLISH" else tuple(words))

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            yield seen
        finally:
            client.echo("enough")
            listener.join()


def test_it_suffices_and_nothing_of_it_is_too_much(tmp_path: Path, api: Simulator) -> None:
    _, name, *words = rule().split()
    with redis_server("appendonly yes", rule(), "user default on nopass ~* &* +@all") as real:
        url = f"redis://{name}:{quote(PASSWORD, safe='')}@127.0.0.1:{real.port}/{DB}"
        with real.admin() as admin, Stack(tmp_path, url) as stack:
            admin.config_resetstat()
            with watched(admin) as seen:
                do_everything(stack, api)
            assert admin.acl_log() == []
            assert admin.info("keyspace").keys() == {f"db{DB}"}
            ran = {command.removeprefix("cmdstat_") for command in admin.info("commandstats")}
            granted = {word[1:] for word in words if word.startswith("+")}
            assert granted - ran <= EXPORTER
            for part in [word for word in words if word[0] in "~&"]:
                assert used(admin, part, [word for word in words if word != part], seen), part


def used(admin: redis.Redis, part: str, rest: list[str], seen: set[tuple[str, ...]]) -> bool:
    """Whether something was done that the rule without `part` forbids."""
    admin.execute_command("ACL", "SETUSER", "less", "reset", *rest)  # type: ignore[no-untyped-call]
    touched = (words for words in seen if any(fnmatchcase(word, part[1:]) for word in words[1:3]))
    return any(b"no permissions" in _tried(admin, words) for words in touched)


def _tried(admin: redis.Redis, words: tuple[str, ...]) -> bytes:
    try:
        answer = admin.execute_command("ACL", "DRYRUN", "less", *words)  # type: ignore[no-untyped-call]
    except redis.ResponseError:
        # A command whose words had spaces in them.
        return b""
    return answer if isinstance(answer, bytes) else str(answer).encode()


@pytest.mark.parametrize("less", ["+evalsha", "~bulk:*", "+info"])
def test_without_a_part_of_it_a_command_says_what_is_refused(tmp_path: Path, less: str) -> None:
    _, name, *words = rule().split()
    with redis_server(f"user {name} {' '.join(word for word in words if word != less)}") as real:
        url = f"redis://{name}:{quote(PASSWORD, safe='')}@127.0.0.1:{real.port}/{DB}"
        done = Stack(tmp_path, url).cli("submit", "-", "--org", ORG, given="some-id")
    assert done.code == 7
    assert "no permissions" in done.err
    assert PASSWORD not in done.err


def test_a_wrong_password_is_said_and_not_shown(tmp_path: Path) -> None:
    with redis_server(password=PASSWORD) as real:
        done = Stack(tmp_path, f"redis://:wrong-one@127.0.0.1:{real.port}/0").cli("list")
        assert done.code == 7
        assert "refused the user or password" in done.err
        assert "wrong-one" not in done.err
        right = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{real.port}/0"
        assert Stack(tmp_path, right).cli("list").code == 0
