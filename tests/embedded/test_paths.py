"""Where the embedded server keeps its files: any folder, private, with a socket that can be reached."""

import os
from pathlib import Path

import pytest
import redis

from tests.embedded.supervisors import ready_line, socket_of, started, supervisor
from worker.core.errors import BadInputError
from worker.embedded.paths import is_usable_socket, private_home, server_paths

ODD_NAMES = {
    "space": "two words",
    "quotes": 'it\'s "so"',
    "backslash": r"a\nb",
    "newline": "a\nb",
    "percent": "50%20off?#",
    "umlaut": "Schlüssel",
    "no_utf8": os.fsdecode(b"\xff\xfe"),
    "long": "/".join(["d" * 60] * 3),
}


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
def test_any_folder_serves_and_keeps_its_data(home: Path, name: str) -> None:
    folder = home / name
    for stored in (None, b"1"):
        with started(folder) as (_, ready), redis.Redis.from_url(ready.url) as client:
            assert client.get("key") == stored
            client.set("key", 1)
            socket = socket_of(ready)
            assert socket.parent.stat().st_mode & 0o777 == 0o700
        assert not socket.parent.exists(), "the short folder is gone with its server"
    assert (folder / "redis.log").stat().st_size > 0


def test_short_folder_of_a_killed_supervisor_is_removed_by_the_next(home: Path) -> None:
    folder = home / "two words"
    process = supervisor(folder)
    left = socket_of(ready_line(process)).parent
    process.kill()
    process.communicate()
    assert left.exists()
    with started(folder) as (_, ready):
        assert socket_of(ready).parent != left
        assert not left.exists()


def test_socket_stands_with_the_data_where_it_can(home: Path) -> None:
    with server_paths(home) as paths:
        assert paths.socket == home / "redis.sock"


def test_short_folder_is_found_though_tmpdir_is_long(home: Path) -> None:
    folder = home / ("d" * 100)
    folder.mkdir()
    with server_paths(folder) as paths:
        assert is_usable_socket(paths.socket)


def test_new_folder_is_private(home: Path) -> None:
    made = private_home(home / "new" / "folder")
    assert made.stat().st_mode & 0o777 == 0o700


def test_empty_folder_is_closed_to_others(home: Path) -> None:
    home.chmod(0o755)
    assert private_home(home).stat().st_mode & 0o777 == 0o700


def test_folder_of_an_earlier_server_is_closed_again(home: Path) -> None:
    (home / "redis.lock").touch()
    home.chmod(0o750)
    assert private_home(home).stat().st_mode & 0o777 == 0o700


def test_open_folder_with_other_things_in_it_is_refused_as_it_is(home: Path) -> None:
    (home / "letter.txt").touch()
    home.chmod(0o755)
    with pytest.raises(BadInputError, match="open to other users and holds files that are not the server's"):
        private_home(home)
    assert home.stat().st_mode & 0o777 == 0o755


def test_file_in_the_folders_place_is_refused_by_the_command(home: Path) -> None:
    (home / "file").touch()
    process = supervisor(home / "file" / "below")
    output, errors = process.communicate()
    assert errors == f"Error: cannot use the folder {home}/file/below: Not a directory; name another one\n"
    assert (output, process.returncode) == ("", 2)
