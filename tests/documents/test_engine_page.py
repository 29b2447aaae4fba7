"""worker/engine/README.md names no module that is not there."""

import re
from typing import Final

from tests.documents.markdown import ROOT, document, quoted, tables

PAGE: Final = document("worker/engine/README.md")
ENGINE: Final = ROOT / "worker/engine"


def test_every_part_that_is_named_is_a_module_or_a_class() -> None:
    names = {path.stem for path in ENGINE.rglob("*.py")} | {path.name for path in ENGINE.iterdir()}
    classes = {
        name
        for path in ENGINE.rglob("*.py")
        for name in re.findall(r"^class (\w+)", path.read_text(), re.MULTILINE)
    }
    (owners, _) = tables(PAGE.text)
    assert {name for _, cell in owners[1:] for name in quoted(cell)} <= names | classes


def test_every_module_in_the_picture_is_there() -> None:
    (picture,) = [fence.text for fence in PAGE.fences() if fence.language == "text"]
    named = re.findall(r"^([a-z_]+):|-> ([a-z_]+)|\(([a-z_]+(?:/[a-z_]+)?)[,)]", picture, re.MULTILINE)
    assert len(named) > 10
    for name in filter(None, (name for found in named for name in found)):
        assert (ENGINE / f"{name}.py").is_file(), name


def test_every_file_that_is_named_is_there() -> None:
    for name in re.findall(r"`([\w/]+\.py)`", PAGE.text):
        assert (ENGINE / name).is_file() or (ROOT / name).is_file(), name
