"""Writes the results folder of `run`: files that can be kept as proof of the outcome of each id."""

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from worker.core.errors import BadInputError
from worker.core.outcome import UNSUCCESSFUL
from worker.core.reporting.schema import Report
from worker.reports.files import whole_file
from worker.reports.html.page import page
from worker.reports.parquet import write_parquet
from worker.reports.results import job_results
from worker.reports.row_text import Write, write_csv, write_malformed
from worker.reports.status import read_snapshot
from worker.reports.verdict import verdict
from worker.store.jobs import JobStore

MANIFEST: Final = "manifest.json"
RESULTS: Final = "results.csv"
FAILED: Final = "failed.csv"
MALFORMED: Final = "malformed.csv"
PAGE: Final = "report.html"
PARQUET: Final = "results.parquet"
"""Written only with --parquet."""


def check_folder(folder: Path, job_id: str | None) -> None:
    """Creates `folder` if needed, and tries to write in it.

    Raises `BadInputError` if that fails, or if it holds anything but the files of job `job_id`.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise BadInputError(f"--output: {folder} is no folder: name another, or remove it")
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
        # Not `os.access`, which checks the real user and ignores full disks.
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".tried-") as tried:
            tried.write(b"tried")
    except OSError as error:
        raise BadInputError(
            f"--output: cannot write in {folder} ({error.strerror}): name another folder, or mend that one"
        ) from error
    if is_empty:
        return
    try:
        holder = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=dict[str, Any]).get("job_id")
    except (OSError, msgspec.DecodeError):
        holder = None
    if holder is None or holder != job_id:
        raise BadInputError(f"--output: {folder} holds other files: name a new or empty folder")


def write_folder(
    store: JobStore, job_id: str, folder: Path, settings: Mapping[str, Any], *, parquet: bool = False
) -> Report:
    """Writes the files atomically, one by one, and the manifest with their hashes last. Returns the report.

    The job must not change meanwhile: it is at rest, or paused without a worker. The same record gives the
    same bytes. `settings` are public ones, for the manifest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    snapshot = read_snapshot(store, job_id)
    report = snapshot.report
    if not (folder / MANIFEST).exists():
        # Says which job the files belong to, in case the rest is never written.
        _write(folder / MANIFEST, lambda write: write(msgspec.json.encode({"job_id": job_id})))
    files: dict[str, Callable[[Write], object]] = {
        RESULTS: lambda write: write_csv(job_results(store, job_id), write),
        FAILED: lambda write: write_csv(job_results(store, job_id, UNSUCCESSFUL), write),
        MALFORMED: lambda write: write_malformed(store.skipped(job_id), write),
        PAGE: lambda write: write(page(report, [snapshot]).encode()),
    }
    if parquet:
        files[PARQUET] = lambda write: write_parquet(job_results(store, job_id), write)
    hashes = {name: _write(folder / name, produce) for name, produce in files.items()}
    manifest = {
        "schema_version": 1,
        "job_id": job_id,
        "version": version("bulk-activation-worker"),
        "org_id": report.org_id,
        "state": report.state,
        "outcome": report.outcome,
        "verdict": verdict(report),
        "created_by": report.created_by,
        "created_at": report.created_at,
        "ended_at": report.ended_at,
        "input": report.manifest,
        "counts": report.counts,
        "settings": dict(sorted(settings.items())),
        "files": {name: {"sha256": digest} for name, digest in hashes.items()},
    }
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    _write(folder / MANIFEST, lambda write: write(text))
    return report


def _write(path: Path, produce: Callable[[Write], object]) -> str:
    """Writes what `produce` writes to `path`. Returns its sha256."""
    digest = hashlib.sha256()
    with whole_file(path) as file:

        def write(data: bytes) -> None:
            digest.update(data)
            file.write(data)

        produce(write)
    return digest.hexdigest()
