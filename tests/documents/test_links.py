"""Every link leads somewhere, and every document is as short as a door can be."""

import pytest

from tests.documents.markdown import ROOT, Document, document, documents, slug

ALL = pytest.mark.parametrize("page", documents(), ids=lambda page: page.name)
LONG = {"producers/README.md", ".github/SECURITY.md", "deploy/runbook.md", "worker/core/rate/README.md"}
"""A reference, a list of claims, what is looked up by its headings, and tables of measurements."""


@ALL
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Document) -> None:
    for line, target in page.links():
        where = f"{page.name}:{line}: {target}"
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = (page.path.parent / name).resolve() if name else page.path
        assert path.exists(), where
        assert path.is_relative_to(ROOT), where
        if anchor:
            assert path.suffix == ".md", where
            other = document(path.relative_to(ROOT).as_posix())
            assert anchor in {section.anchor for section in other.sections()}, where


@ALL
def test_a_document_is_no_longer_than_three_screens(page: Document) -> None:
    if page.name not in LONG:
        assert len(page.text.splitlines()) <= (150 if page.name == "README.md" else 160)


@ALL
def test_a_document_begins_with_its_only_title(page: Document) -> None:
    assert page.text.startswith("# ")
    assert len([line for line in _outside_code(page) if line.startswith("# ")]) == 1


def _outside_code(page: Document) -> list[str]:
    inside = {
        line
        for fence in page.fences()
        for line in range(fence.line, fence.line + len(fence.text.splitlines()) + 1)
    }
    return [text for line, text in enumerate(page.text.splitlines(), 1) if line not in inside]


@pytest.mark.parametrize("room", ["deploy", "producers", "tests"])
def test_a_room_has_a_word_on_each_of_its_folders(room: str) -> None:
    page = document(f"{room}/README.md")
    for folder in (ROOT / room).iterdir():
        # What was moved away leaves compiled files behind.
        is_left = all(file.suffix == ".pyc" for file in folder.rglob("*") if file.is_file())
        if folder.is_dir() and not is_left and not folder.name.startswith(("_", ".")):
            assert f"{folder.name}/`" in page.text, folder.name


def test_anchors_are_those_of_github() -> None:
    assert slug("A storm of 429s") == "a-storm-of-429s"
    assert slug("Limits, as of this version") == "limits-as-of-this-version"
    assert slug("`status JOB -o json`") == "status-job--o-json"


def test_every_document_is_found() -> None:
    names = {page.name for page in documents()}
    assert {"README.md", ".github/SECURITY.md", "deploy/runbook.md", "worker/engine/README.md"} <= names
