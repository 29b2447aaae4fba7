"""The users of `deploy/redis/users.conf` can do what each is there for, and nothing else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest
import redis

from tests.e2e.stack import ORG, Stack, simulator
from tests.redis.guarded import PASSWORD, Process, redis_server
from tests.redis.roles import DB, ROLES, Scene, looks_on, serves, submits, takes_up, users, works

RARE: Final = {
    # Scripts share these steps; a job that is cancelled while a slice of it is out takes them.
    "submitter": {"getrange", "setrange", "strlen", "zrange", "zrangebyscore"},
    # RETENTION, at the earliest after a while at rest; a job that ends without its record.
    "worker": {"unlink", "zrange"},
    "serve": {"getrange", "setrange", "strlen", "zrange", "zrangebyscore"},
    "monitor": set[str](),
}


@pytest.fixture
def real() -> Iterator[Process]:
    """A server whose users are those of the file."""
    with redis_server("appendonly yes", *users().values(), user="bulk-admin", password=PASSWORD) as started:
        yield started


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


@pytest.mark.timeout(900)  # Some twenty commands, one after the other.
def test_each_suffices_for_its_part_and_nothing_of_it_is_too_much(tmp_path: Path, real: Process) -> None:
    ran: dict[str, set[str]] = {role: set() for role in ROLES}
    seen: dict[str, set[tuple[str, ...]]] = {role: set() for role in ROLES}
    with simulator("--fail", "0.2") as api, real.admin() as admin:
        scene = Scene(real, tmp_path, api)

        @contextmanager
        def as_role(role: str) -> Iterator[None]:
            admin.config_resetstat()
            # Any part may be the first to need a script after Redis was started.
            admin.script_flush()
            with watched(admin) as commands, scene.stack(role):
                yield
            seen[role] |= commands
            ran[role] |= {command.removeprefix("cmdstat_") for command in admin.info("commandstats")}

        with as_role("submitter"):
            job = submits(scene)
        with as_role("worker"):
            works(scene, job)
        with as_role("submitter"):
            waits = takes_up(scene, job)
        with as_role("serve"):
            serves(scene, job)
        with as_role("monitor"):
            looks_on(scene, job, waits)
        assert refused(admin) == set()
        assert admin.info("keyspace").keys() == {f"db{DB}"}
        too_much = {role: excess(admin, role, ran[role], seen[role]) for role in ROLES}
        assert too_much == {role: set() for role in ROLES}


def excess(admin: redis.Redis, role: str, ran: set[str], seen: set[tuple[str, ...]]) -> set[str]:
    """The words of a role's rule for which nothing that was done has a use."""
    _, _, *words = users()[role].split()
    commands = {word[1:] for word in words if word.startswith("+")} - ran - RARE[role]
    parts = {word for word in words if word[0] in "~&%"}
    return commands | {
        part for part in parts if not used(admin, part, [word for word in words if word != part], seen)
    }


def refused(admin: redis.Redis) -> set[str]:
    """What was asked for and not allowed."""
    return {str(entry["object"]) for entry in admin.acl_log()}


def used(admin: redis.Redis, part: str, rest: list[str], seen: set[tuple[str, ...]]) -> bool:
    """Whether something was done that the rule without `part` forbids."""
    admin.execute_command("ACL", "SETUSER", "less", "reset", *rest)  # type: ignore[no-untyped-call]
    pattern = part.removeprefix("%R")[1:]
    touched = (words for words in seen if any(fnmatchcase(word, pattern) for word in words[1:3]))
    return any(b"no permissions" in _tried(admin, words) for words in touched)


def _tried(admin: redis.Redis, words: tuple[str, ...]) -> bytes:
    try:
        answer = admin.execute_command("ACL", "DRYRUN", "less", *words)  # type: ignore[no-untyped-call]
    except redis.ResponseError:
        # A command whose words had spaces in them.
        return b""
    return answer if isinstance(answer, bytes) else str(answer).encode()


NOBODYS: Final = (
    "EVAL return 0",
    "KEYS *",
    "FLUSHALL",
    "CONFIG GET *",
    "ACL LIST",
    "MONITOR",
    "SHUTDOWN",
    "GET a",
)


@pytest.mark.parametrize(
    ("role", "words"),
    [
        *((role, words) for role in ROLES for words in NOBODYS),
        ("submitter", "BRPOP bulk-activation.0 1"),
        ("submitter", "SUBSCRIBE bulk:holds"),
        ("submitter", f"PUBLISH /{DB}.celery.pidbox stop"),
        ("serve", "BRPOP bulk-activation.0 1"),
        ("serve", "SUBSCRIBE bulk:doctor"),
        ("serve", f"PUBLISH /{DB}.celery.pidbox stop"),
        ("monitor", "HSET bulk:j:job state completed"),
        ("monitor", "DEL bulk:j:job"),
        ("monitor", "LPUSH bulk-activation.0 a"),
        ("monitor", "PUBLISH bulk:holds a"),
        ("monitor", f"PUBLISH /{DB}.celery.pidbox stop"),
        ("default", "GET bulk:j:job"),
        ("default", "INFO"),
    ],
)
def test_what_is_not_its_part_is_refused(ruled: redis.Redis, role: str, words: str) -> None:
    name = role if role == "default" else f"bulk-{role}"
    answer = ruled.execute_command("ACL", "DRYRUN", name, *words.split())  # type: ignore[no-untyped-call]
    assert b"no permissions" in answer


@pytest.fixture(scope="module")
def ruled() -> Iterator[redis.Redis]:
    with (
        redis_server(*users().values(), user="bulk-admin", password=PASSWORD) as started,
        started.admin() as admin,
    ):
        yield admin


@pytest.mark.parametrize(
    ("less", "words"),
    [
        ("+evalsha", "no permissions"),
        ("~bulk:*", "no permissions"),
        ("+info", "no permissions"),
        # Of a script.
        ("+zadd", "can't run this command"),
    ],
)
def test_without_a_part_of_it_a_command_says_what_is_refused(tmp_path: Path, less: str, words: str) -> None:
    _, name, *rules = users()["submitter"].split()
    with redis_server(f"user {name} {' '.join(rule for rule in rules if rule != less)}") as real:
        url = f"redis://{name}:{quote(PASSWORD, safe='')}@127.0.0.1:{real.port}/{DB}"
        done = Stack(tmp_path, url).cli("submit", "-", "--org", ORG, given="some-id")
    assert done.code == 7
    assert words in done.err
    assert "deploy/redis/users.conf" in done.err
    assert PASSWORD not in done.err


def test_a_wrong_password_is_said_and_not_shown(tmp_path: Path) -> None:
    with redis_server(password=PASSWORD) as real:
        done = Stack(tmp_path, f"redis://:wrong-one@127.0.0.1:{real.port}/0").cli("list")
        assert done.code == 7
        assert "refused the user or password" in done.err
        assert "wrong-one" not in done.err
        right = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{real.port}/0"
        assert Stack(tmp_path, right).cli("list").code == 0
