"""The pictures of README.md show what the code shows today.

If not, `python -m tests.documents.pictures --again` draws them again.
"""

import struct

import pytest

from tests.documents.markdown import documents
from tests.documents.pictures import IMAGES, kept_run, words


@pytest.mark.parametrize("name", ["flow", "terminal"])
def test_a_drawing_is_what_is_drawn_of_the_kept_run(name: str) -> None:
    drawn = getattr(kept_run(), name)()
    assert (IMAGES / f"{name}.svg").read_text(encoding="utf-8") == drawn


def test_the_photographed_page_has_the_words_of_today() -> None:
    assert (IMAGES / "report.txt").read_text(encoding="utf-8") == words(kept_run().page())


def test_the_photograph_is_a_picture() -> None:
    photograph = (IMAGES / "report.png").read_bytes()
    assert photograph.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", photograph[16:24])
    assert min(width, height) >= 800


def test_drawings_load_nothing() -> None:
    for picture in IMAGES.glob("*.svg"):
        assert "url(http" not in picture.read_text(encoding="utf-8")
        assert "@import" not in picture.read_text(encoding="utf-8")


def test_the_run_is_told_whole() -> None:
    run = kept_run()
    assert run.end.report.balanced
    assert run.end.report.job_id == run.seen.report.job_id
    assert run.seen.workers


def test_every_picture_is_shown_in_a_document() -> None:
    shown = {(page.path.parent / link.target).resolve() for page in documents() for link in page.links()}
    assert {path for path in IMAGES.iterdir() if path.suffix in {".svg", ".png"}} <= shown
