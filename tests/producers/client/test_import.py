"""What an import brings: a program that only names the client pays for nothing."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import producers
from producers import AsyncClient, AsyncJob, Client, Job, SubmittedJob
from worker.core.errors import BulkActivateError

HEAVY = ("aiohttp", "celery", "click", "jinja2", "kombu", "pyarrow", "rich", "structlog")


def imported(code: str, *names: str) -> set[str]:
    """Those of `names` that a new process has imported after `code`."""
    asked = f"{code}\nimport sys\nprint(*({set(names)!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert imported("import producers", *HEAVY, "redis", "pydantic", "msgspec", "asyncio") == set()


@pytest.mark.parametrize("name", ["Client", "AsyncClient"])
def test_the_client_brings_redis_and_nothing_that_only_workers_and_terminals_need(name: str) -> None:
    assert imported(f"from producers import {name}; {name}()", *HEAVY, "redis") == {"redis"}


def test_every_public_name_is_there_and_no_other() -> None:
    for name in producers.__all__:
        assert getattr(producers, name).__name__ == name
    assert set(producers.__all__) <= set(dir(producers))
    with pytest.raises(AttributeError, match="Clent"):
        _ = producers.Clent
    # A type checker sees the names that are imported late.
    source = ast.parse(Path(producers.__file__).read_text())
    (checked,) = [node for node in source.body if isinstance(node, ast.If)]
    late = {alias.name for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert late == set(producers._MODULES)
    assert Path(producers.__file__).with_name("py.typed").exists()


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_the_asynchronous_client_has_the_same_calls_with_the_same_parameters() -> None:
    assert public(Client) - public(AsyncClient) == {"over", "where"}
    # The steps of a wait are for loops, of which the asynchronous job has its own.
    assert public(Job) - public(AsyncJob) == {"begin_wait", "next_step", "result_pieces"}
    for ours, theirs in ((Client, AsyncClient), (Job, AsyncJob)):
        for name in public(ours) & public(theirs):
            expected, found = (inspect.signature(getattr(kind, name)).parameters for kind in (ours, theirs))
            explicit = [each for each in found.values() if each.kind is not each.VAR_KEYWORD]
            assert [(each.name, each.default) for each in explicit] == [
                (expected[each.name].name, expected[each.name].default) for each in explicit
            ]


@pytest.mark.parametrize("kind", [Client, Job, SubmittedJob, AsyncClient, AsyncJob])
def test_everything_public_says_what_it_does(kind: type) -> None:
    assert kind.__doc__
    for name in public(kind) if kind in {Client, Job} else ():
        assert getattr(kind, name).__doc__, name


def test_every_error_is_one_of_ours() -> None:
    errors = [name for name in producers.__all__ if name.endswith("Error")]
    assert len(errors) == 12
    assert all(issubclass(getattr(producers, name), BulkActivateError) for name in errors)
