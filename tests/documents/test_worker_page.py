"""What worker/README.md says of rooms, imports and bounds is what the code holds."""

import re
import tomllib
from typing import Any, Final

import pytest

from tests.documents.markdown import ROOT, document, quoted, rows
from worker.core.batches.batch import MAX_BATCH
from worker.core.batches.slices import IDS
from worker.engine.commit_buffer import GROUP_SECONDS
from worker.store.claims import LEASE_MS

WORKER: Final = ROOT / "worker"
PAGE: Final = document("worker/README.md")
CONTRACTS: Final[list[dict[str, Any]]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
    "importlinter"
]["contracts"]


def test_the_layers_are_those_that_the_machine_checks() -> None:
    shown: dict[str, list[str]] = {}
    name = ""
    (block,) = [fence for fence in PAGE.fences() if fence.language == "text"]
    for line in filter(None, block.text.splitlines()):
        name = line[:17].strip() or name
        shown.setdefault(name, []).append(line[17:])
    assert shown == {
        contract["containers"][0]: contract["layers"]
        for contract in CONTRACTS
        if contract["type"] == "layers"
    }


def test_what_producers_start_as_a_process_is_what_they_may_not_import() -> None:
    (forbidden,) = (
        contract["forbidden_modules"]
        for contract in CONTRACTS
        if contract["type"] == "forbidden" and contract["source_modules"] == ["producers"]
    )
    (sentence,) = re.findall(r"Producers reach (.*?)\s+by starting a process", PAGE.text, re.DOTALL)
    assert [f"worker.{name}" for name in quoted(sentence)] == forbidden


def test_every_room_is_in_the_table() -> None:
    rooms = {path.name for path in WORKER.iterdir() if (path / "__init__.py").is_file()}
    table = {quoted(cells[0])[0]: cells[1] for cells in rows(PAGE.section("The rooms").text)}
    assert set(table) == rooms | {"celery.py"}
    inner = {path.name for path in (WORKER / "core").iterdir() if (path / "__init__.py").is_file()}
    assert set(quoted(table["core"])) == inner


def trip() -> list[str]:
    return re.findall(
        r"^\d+\. (.*?)$(?!\n )", PAGE.section("The trip of one id").text, re.MULTILINE | re.DOTALL
    )


def test_the_trip_has_twelve_lines_that_name_modules_and_scripts() -> None:
    assert len(trip()) == 12
    scripts = {path.stem for path in (WORKER / "store" / "scripts").rglob("*.lua")}
    for line in trip():
        for name in quoted(line):
            assert (WORKER / name).exists() or name in scripts | {"submit"}, name


@pytest.mark.parametrize(
    "said",
    [
        f"slices of {IDS:,} ",
        f"claimed for {LEASE_MS // 1000} s",
        f"batches of {MAX_BATCH} ids",
        f"Within {1000 * GROUP_SECONDS:.0f} ms the outcomes are recorded",
        f"up to {IDS:,} ids of a job",
        f"up to {MAX_BATCH} ids of a slice",
    ],
)
def test_the_figures_are_those_of_the_code(said: str) -> None:
    assert said in " ".join(PAGE.text.split())
