"""Checks a results folder without its job: files against their hashes, rows against counts.

This shows that the folder is complete and consistent. A change of a file and of the manifest together shows
only in the manifest's own sha256, which `run` prints: keep it elsewhere.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from worker.core.errors import BadInputError
from worker.core.outcome import COUNTED, UNSUCCESSFUL, Outcome
from worker.core.reporting.rows import COLUMNS
from worker.core.reporting.schema import Manifest
from worker.core.reporting.skipped import MALFORMED as MALFORMED_REASON
from worker.reports.folder import FAILED, MALFORMED, MANIFEST, RESULTS
from worker.reports.row_text import MALFORMED_COLUMNS

_CHUNK: Final = 1024 * 1024
"""Bytes read at once."""
_LINE, _OUTCOME, _REASON, _MESSAGE = map(COLUMNS.index, ("line", "outcome", "reason", "message"))


class _File(msgspec.Struct):
    sha256: str


class _FolderManifest(msgspec.Struct):
    """The fields of the manifest that are checked."""

    job_id: str
    input: Manifest
    counts: dict[str, int]
    files: dict[str, _File]


@dataclass(slots=True)
class Proof:
    """The result of the check."""

    job_id: str
    manifest_sha256: str
    total: int
    differences: list[str] = field(default_factory=list)
    """Inconsistencies, one sentence each; empty for an unchanged folder."""


def check_proof(folder: Path) -> Proof:
    """Reads every file once or twice. Raises `BadInputError` if `folder` is no results folder."""
    raw, manifest = _manifest(folder)
    proof = Proof(manifest.job_id, hashlib.sha256(raw).hexdigest(), manifest.counts.get("total", 0))
    for name, file in sorted(manifest.files.items()):
        found = _sha256(folder / name)
        if found is None:
            proof.differences.append(f"{name}: missing or not readable")
        elif found != file.sha256:
            proof.differences.append(f"{name}: its sha256 is {found}, the manifest says {file.sha256}")
    try:
        proof.differences += _recount(folder, manifest)
    except (OSError, UnicodeDecodeError, csv.Error, IndexError):
        proof.differences.append(f"{RESULTS}, {FAILED}: cannot be read as the rows of a job")
    return proof


def _manifest(folder: Path) -> tuple[bytes, _FolderManifest]:
    try:
        raw = (folder / MANIFEST).read_bytes()
        manifest = msgspec.json.decode(raw, type=_FolderManifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"--folder: {folder} is no results folder ({MANIFEST}: {_why(error)}): name one that `run` wrote"
        ) from error
    strange = [name for name in manifest.files if Path(name).name != name or name in {"", ".", ".."}]
    if strange or not {RESULTS, FAILED} <= manifest.files.keys():
        raise BadInputError(
            f"--folder: {folder} is no results folder ({MANIFEST} lists other files):"
            " name one that `run` wrote"
        )
    return raw, manifest


def _why(error: Exception) -> str:
    return error.strerror or "not readable" if isinstance(error, OSError) else "not as `run` writes it"


def _sha256(path: Path) -> str | None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                digest.update(piece)
    except OSError:
        return None
    return digest.hexdigest()


def _recount(folder: Path, manifest: _FolderManifest) -> Iterator[str]:
    """Yields differences of the rows from the counts, and of `failed.csv` from the rows that failed."""
    tally: Counter[str] = Counter()
    seen: set[int] = set()
    failed = _rows(folder / FAILED)
    # Folders of earlier versions have no such file.
    malformed = _rows(folder / MALFORMED, MALFORMED_COLUMNS) if MALFORMED in manifest.files else None
    same_failed = same_malformed = True
    for row in _rows(folder / RESULTS):
        outcome = row[_OUTCOME]
        tally[outcome] += 1
        if outcome != Outcome.SKIPPED:
            seen.add(hash(row[COLUMNS.index("id")]))
        if outcome in UNSUCCESSFUL:
            same_failed = same_failed and next(failed, None) == row
        elif malformed is not None and row[_REASON] == MALFORMED_REASON:
            same_malformed = same_malformed and next(malformed, None) == [row[_LINE], row[_MESSAGE]]
    yield from _differences(tally, manifest.counts, manifest.input)
    ids = sum(tally.values()) - tally[Outcome.SKIPPED]
    if len(seen) != ids:
        yield f"{RESULTS}: {ids - len(seen)} ids stand more than once"
    if not same_failed or next(failed, None) is not None:
        yield f"{FAILED}: its rows are not those of {RESULTS} that did not succeed"
    if malformed is not None and (not same_malformed or next(malformed, None) is not None):
        yield f"{MALFORMED}: its rows are not the malformed lines of {RESULTS}"


def _differences(tally: Counter[str], counts: Mapping[str, int], given: Manifest) -> Iterator[str]:
    for outcome in COUNTED:
        if tally[outcome] != counts.get(outcome, 0):
            yield f"{outcome}: the manifest counts {counts.get(outcome, 0)}, the rows are {tally[outcome]}"
    ids = sum(tally[outcome] for outcome in COUNTED)
    if ids != counts.get("total"):
        yield f"total: the manifest counts {counts.get('total')}, the rows are {ids}"
    skipped = given.duplicates + given.malformed
    if tally[Outcome.SKIPPED] != skipped:
        yield f"skipped: the manifest counts {skipped}, the rows are {tally[Outcome.SKIPPED]}"
    if strange := tally.keys() - set(Outcome):
        yield f"{RESULTS}: {len(strange)} outcomes that there are not"


def _rows(path: Path, columns: Sequence[str] = COLUMNS) -> Iterator[list[Any]]:
    """Yields the rows of a CSV. Raises `csv.Error` if its header is not `columns`."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file, strict=True)
        if tuple(next(rows, ())) != columns:
            raise csv.Error
        yield from rows
