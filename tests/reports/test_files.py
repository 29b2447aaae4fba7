"""A file stands whole or not at all; a pipe or a device stays what it is."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from worker.core.errors import BadInputError
from worker.reports.files import whole_file

WRITES = """
import sys
from pathlib import Path
from worker.core.errors import BadInputError
from worker.reports.files import whole_file
try:
    with whole_file(Path(sys.argv[1])) as file:
        for _ in range(int(sys.argv[2])):
            file.write(b"new\\n")
except BadInputError as error:
    sys.exit(str(error))
"""
"""Writes so many lines to a path."""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def written_by_a_process(path: str, stdout: int, count: int = 1) -> None:
    subprocess.run([sys.executable, "-c", WRITES, path, str(count)], stdout=stdout, check=True, timeout=60)


def test_what_was_written_takes_the_place_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    with whole_file(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_run_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as file:
        file.write(b"new" * (1 // 0))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_what_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    path.chmod(mode)
    with whole_file(path) as file:
        file.write(b"new")
    assert (path.read_text(), mode_of(path)) == ("new", mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_what_is_replaced_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    os.chown(path, 65534, 65534)
    with whole_file(path) as file:
        file.write(b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with whole_file(path):
        pass
    assert mode_of(path) == 0o600


@pytest.mark.parametrize("is_there", [True, False])
def test_a_symlink_stays_and_what_it_leads_to_is_replaced(tmp_path: Path, is_there: bool) -> None:
    target, link = tmp_path / "kept" / "today.csv", tmp_path / "latest.csv"
    target.parent.mkdir()
    if is_there:
        target.write_text("old")
    link.symlink_to("kept/today.csv")
    with whole_file(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_link_laid_at_the_old_temporary_name_is_not_followed(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "out.csv"
    victim.write_text("theirs")
    (tmp_path / "out.csv.part").symlink_to(victim)
    with whole_file(path) as file:
        file.write(b"new")
    assert victim.read_text() == "theirs"
    assert not path.is_symlink()


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with whole_file(pipe) as file:
        file.write(b"new")
    reader.join(60)
    assert read == [b"new"]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_device_is_written_to_and_stays_a_device(tmp_path: Path) -> None:
    # Through a link: where this breaks, it is the link that is lost.
    link = tmp_path / "nowhere"
    link.symlink_to("/dev/null")
    before = Path("/dev/null").stat()
    with whole_file(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert os.path.samestat(before, Path("/dev/null").stat())


def test_whoever_reads_a_pipe_may_leave_early(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with whole_file(pipe) as file:
        os.close(held)
        file.write(b"new")


def test_the_process_own_stdout_is_written_to_as_a_pipe_and_as_a_file_that_is_appended_to(
    tmp_path: Path,
) -> None:
    reader, writer = os.pipe()
    written_by_a_process("/dev/stdout", writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"new\n"
    log = tmp_path / "log"
    log.write_text("old\n")
    with log.open("ab") as end:
        written_by_a_process("/dev/stdout", end.fileno())
    assert log.read_text() == "old\nnew\n"


def test_a_full_device_is_said(tmp_path: Path) -> None:
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    with (
        pytest.raises(BadInputError, match=r"No space left on device.*--output"),
        whole_file(link) as file,
    ):
        file.write(b"new")
    assert link.is_symlink()


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    limited = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
    done = subprocess.run(
        [sys.executable, "-B", "-c", limited + WRITES, str(path), "100000"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"cannot write {path} (File too large): name another place with --output\n"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o500, 0o555])
def test_a_folder_that_may_not_be_written_in_is_said_and_left_as_it_is(mode: int) -> None:
    nobody = "import os\nif os.geteuid() == 0:\n    os.setgroups([])\n    os.setresuid(54321, 54321, 54321)\n"
    imports, rest = WRITES.split("try:\n")
    with TemporaryDirectory() as folder:
        path = Path(folder, "out.csv")
        path.write_text("old")
        path.chmod(0o666)
        Path(folder).chmod(mode)
        done = subprocess.run(
            [sys.executable, "-c", f"{imports}{nobody}try:\n{rest}", str(path), "1"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        Path(folder).chmod(0o700)
        assert done.stderr == f"cannot write {path} (Permission denied): name another place with --output\n"
        assert path.read_text() == "old"
        assert list(Path(folder).iterdir()) == [path]


def _folder(at: Path) -> Path:
    at.mkdir()
    return at


def _loop(at: Path) -> Path:
    at.symlink_to(at)
    return at


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda home: home / "nowhere" / "x", "No such file or directory"),
        (lambda home: _folder(home / "x"), "Is a directory"),
        (lambda home: home / ("x" * 300), "File name too long"),
        (lambda home: _loop(home / "x"), "Too many levels of symbolic links"),
        (lambda _home: Path("/proc/version"), ""),
        (lambda _home: Path("/dev/null/x"), "Not a directory"),
    ],
)
def test_a_place_that_cannot_be_written_is_said(
    tmp_path: Path, make: Callable[[Path], Path], why: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(BadInputError, match=rf"cannot write .*{why}.*--output"), whole_file(path):
        pass


def test_a_name_as_long_as_names_can_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    with whole_file(path) as file:
        file.write(b"new")
    assert path.read_text() == "new"
