"""A results folder can be kept as proof: the same record gives the same bytes, and a change is found."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.e2e.stack import cli
from tests.servers import RealServer, missing
from tests.store.job_setup import ORG, SCOPE, commit, settled, take
from worker.core.batches.slices import Slice
from worker.core.errors import BadInputError
from worker.core.job import Control
from worker.core.reporting.skipped import SkippedLine
from worker.reports.folder import check_folder, write_folder
from worker.reports.proof import check_proof
from worker.store.claims import ClaimEnd, ClaimStore
from worker.store.connect import async_client, sync_client
from worker.store.jobs import JobStore

MANIFEST = '{"sha256":"ab","lines":32,"unique":30,"duplicates":1,"malformed":1}'


@pytest.fixture
async def written(valkey: RealServer, tmp_path: Path) -> AsyncIterator[tuple[JobStore, str, Path]]:
    """The folder of a job that was cancelled half-way: 14 active, a failed one, 15 not attempted."""
    with sync_client(valkey.server.url) as client:
        jobs = JobStore(client)
        job_id = f"folder-{tmp_path.name}"
        jobs.create(
            job_id, {"org_id": ORG, "created_by": "me"}, request_id=None, fingerprint="f", fresh=False
        )
        ids = tuple(f"=id-{index}" for index in range(30))
        jobs.put_slices(job_id, [(0, Slice(ids, ((1, 10), (13, 20))))])
        skipped = [SkippedLine(11, "=id-1", 2, ""), SkippedLine(12, None, None, "empty id")]
        jobs.put_skipped(job_id, 0, skipped)
        jobs.start_job(job_id, {"manifest": MANIFEST}, total=30, slices=1, deadline=None)
        own = async_client(valkey.server.url)
        claims = ClaimStore(own, SCOPE)
        claim = await take(claims, job_id)
        jobs.control(job_id, Control.CANCEL, code="user", message="enough", actor="me")
        await commit(claims, claim, 1, [settled(0, "A" * 14 + "F")], mark=0, end=ClaimEnd.RELEASE)
        await own.aclose()
        write_folder(jobs, job_id, tmp_path / "out", {"rate": "auto"})
        yield jobs, job_id, tmp_path / "out"
        jobs.purge(job_id)


def test_a_folder_that_was_just_written_holds(written: tuple[JobStore, str, Path]) -> None:
    _, job_id, folder = written
    proof = check_proof(folder)
    assert (proof.differences, proof.job_id, proof.total) == ([], job_id, 30)
    assert (folder / "results.csv").read_text().count("\n") == 33
    assert (folder / "failed.csv").read_text().count("\n") == 17
    assert (folder / "malformed.csv").read_text() == "line,why\n12,empty id\n"
    assert json.loads((folder / "manifest.json").read_text())["verdict"].startswith(
        "1 of 32 lines was malformed and never sent. 14 of 30 tokens are active"
    )


def test_a_folder_of_before_malformed_lines_had_a_file_still_holds(
    written: tuple[JobStore, str, Path],
) -> None:
    folder = written[2]
    (folder / "malformed.csv").unlink()
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"]["malformed.csv"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert check_proof(folder).differences == []


def test_parquet_is_one_more_file_that_the_manifest_vouches_for(
    written: tuple[JobStore, str, Path], tmp_path: Path
) -> None:
    if find_spec("pyarrow") is None:
        missing("pyarrow, of the extra parquet,")
    jobs, job_id, _ = written
    folder = tmp_path / "more"
    write_folder(jobs, job_id, folder, {"rate": "auto"}, parquet=True)
    assert check_proof(folder).differences == []
    (folder / "results.parquet").write_bytes(b"PAR1")
    assert any("results.parquet" in difference for difference in check_proof(folder).differences)


def test_the_same_record_gives_the_same_bytes(written: tuple[JobStore, str, Path], tmp_path: Path) -> None:
    jobs, job_id, folder = written
    write_folder(jobs, job_id, tmp_path / "again", {"rate": "auto"})
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def _cut_last_line(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def _cut_malformed(folder: Path) -> None:
    """With its new hash in the manifest: its rows are compared too."""
    path, manifest = folder / "malformed.csv", folder / "manifest.json"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    _cut_last_line(path)
    _change(manifest, before, hashlib.sha256(path.read_bytes()).hexdigest())


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def _count_one_more(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["counts"]["activated"] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda folder: (folder / "report.html").unlink(), "report.html: missing"),
        (lambda folder: _change(folder / "report.html", "active", "alive"), "report.html: its sha256"),
        (
            lambda folder: _change(folder / "results.csv", ",activated,", ",failed,"),
            "activated: the manifest",
        ),
        (
            lambda folder: _change(folder / "results.csv", ",activated,", ",lost,"),
            "outcomes that there are not",
        ),
        (lambda folder: _change(folder / "results.csv", "id-3,", "id-4,"), "1 ids stand more than once"),
        (lambda folder: _change(folder / "results.csv", ",skipped,", ",activated,"), "skipped: the manifest"),
        (lambda folder: _cut_last_line(folder / "results.csv"), "total: the manifest"),
        (lambda folder: _cut_last_line(folder / "failed.csv"), "failed.csv: its rows"),
        (lambda folder: _change(folder / "failed.csv", "REFUSED", "refused"), "failed.csv: its rows"),
        (lambda folder: _change(folder / "results.csv", "line,id", "id,line"), "cannot be read"),
        (lambda folder: (folder / "results.csv").write_bytes(b"\xff\xfe"), "cannot be read"),
        (lambda folder: (folder / "malformed.csv").unlink(), "malformed.csv: missing"),
        (lambda folder: _change(folder / "malformed.csv", "empty id", "fine"), "malformed.csv: its rows"),
        (lambda folder: _change(folder / "malformed.csv", "line,why", "why,line"), "cannot be read"),
        (_cut_malformed, "malformed.csv: its rows"),
        (_count_one_more, "activated: the manifest counts 15, the rows are 14"),
    ],
    ids=[
        "gone",
        "page",
        "outcome",
        "no outcome",
        "twice",
        "skipped",
        "cut",
        "failed cut",
        "failed changed",
        "header",
        "binary",
        "malformed gone",
        "malformed changed",
        "malformed header",
        "malformed cut",
        "manifest",
    ],
)
def test_a_change_is_found(
    written: tuple[JobStore, str, Path], harm: Callable[[Path], object], words: str
) -> None:
    folder = written[2]
    harm(folder)
    assert any(words in difference for difference in check_proof(folder).differences)


@pytest.mark.parametrize(
    "manifest",
    [None, b"{}", b"\xff", b"[", b'{"job_id":"j","counts":{},"files":{"../x":{"sha256":""}},"input":%s}'],
    ids=["none", "empty", "binary", "cut", "elsewhere"],
)
def test_what_is_no_results_folder_is_refused(tmp_path: Path, manifest: bytes | None) -> None:
    if manifest is not None:
        (tmp_path / "manifest.json").write_bytes(manifest.replace(b"%s", MANIFEST.encode()))
    with pytest.raises(BadInputError, match="no results folder"):
        check_proof(tmp_path)


def test_the_command_needs_no_redis_and_exits_by_what_it_found(written: tuple[JobStore, str, Path]) -> None:
    folder = written[2]
    nowhere = "redis://127.0.0.1:1/0"
    done = cli("verify", "--folder", str(folder), REDIS_URL=nowhere)
    assert done.code == 0, done.err
    assert "30 ids" in done.out
    _cut_last_line(folder / "results.csv")
    assert cli("verify", "--folder", str(folder), REDIS_URL=nowhere).code == 6
    assert cli("verify", "--folder", str(folder.parent), REDIS_URL=nowhere).code == 2
    assert cli("verify", REDIS_URL=nowhere).code == 2


def test_a_folder_whose_writing_broke_off_is_still_the_jobs_and_no_proof(
    written: tuple[JobStore, str, Path], tmp_path: Path
) -> None:
    jobs, job_id, _ = written
    broken = tmp_path / "broken"
    (broken / "failed.csv").mkdir(parents=True)
    with pytest.raises(BadInputError, match="cannot write"):
        write_folder(jobs, job_id, broken, {})
    (broken / "failed.csv").rmdir()
    assert (broken / "results.csv").exists()
    check_folder(broken, job_id)
    with pytest.raises(BadInputError, match="holds other files"):
        check_folder(broken, "another")
    with pytest.raises(BadInputError, match="no results folder"):
        check_proof(broken)
    write_folder(jobs, job_id, broken, {})
    assert check_proof(broken).differences == []
