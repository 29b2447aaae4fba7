"""Before anything is sent: whether the results folder can be made, written, and is this job's."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.core.errors import BadInputError
from worker.reports.folder import check_folder

NOBODY = 65534


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that this process may read and not write, also where the tests run as root."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o555)
        try:
            if user == 0:
                os.seteuid(NOBODY)
            yield folder
        finally:
            os.seteuid(user)
            folder.chmod(0o700)


@pytest.mark.parametrize("below", ["", "new", "new/below"])
def test_a_folder_that_is_closed_to_writing_is_refused(closed: Path, below: str) -> None:
    with pytest.raises(BadInputError, match="cannot write in"):
        check_folder(closed / below, None)


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b", None)
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize(("holder", "is_ours"), [("J", True), ("K", False)])
def test_a_folder_of_this_job_is_taken_and_of_another_is_not(
    tmp_path: Path, holder: str, is_ours: bool
) -> None:
    (tmp_path / "manifest.json").write_text(f'{{"job_id": "{holder}"}}')
    if is_ours:
        check_folder(tmp_path, "J")
    else:
        with pytest.raises(BadInputError, match="holds other files"):
            check_folder(tmp_path, "J")
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]
