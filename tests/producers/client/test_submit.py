"""Lists as other programs have them: paths, open files, iterables of ids."""

import gzip
import hashlib
import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from producers import (
    BadInputError,
    BadSettingError,
    Client,
    RedisUnreachableError,
    RequestIdTakenError,
    State,
)
from tests.e2e.stack import ORG, new_ids
from tests.servers import RealServer, valkey9

NOWHERE = "redis://127.0.0.1:1/0"


def test_a_path_an_open_file_and_an_iterable_are_one_list(client: Client, tmp_path: Path) -> None:
    ids = new_ids(4000)
    path = tmp_path / "ids.txt"
    path.write_text("".join(f"{token_id}\n" for token_id in ids))
    first = client.submit(path, org_id=ORG, request_id=str(tmp_path))
    assert first.is_new
    with path.open("rb") as file:
        again = [
            client.submit(source, org_id=ORG, request_id=str(tmp_path))
            for source in (str(path), file, iter(ids), (token_id for token_id in ids))
        ]
        assert not file.closed
    assert {job.id for job in again} == {first.id}
    assert not any(job.is_new for job in again)
    report = first.report()
    assert report.manifest.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (report.manifest.unique, report.state) == (4000, State.QUEUED)
    assert [row.id for row in first.results()] == ids


def test_the_same_request_id_with_another_list_is_refused(client: Client, tmp_path: Path) -> None:
    client.submit(["a-first-id"], org_id=ORG, request_id=str(tmp_path))
    with pytest.raises(RequestIdTakenError, match="another list"):
        client.submit(["another-id"], org_id=ORG, request_id=str(tmp_path))


def test_an_open_file_is_read_from_where_it_stands_as_its_name_says(client: Client, tmp_path: Path) -> None:
    table = tmp_path / "list.csv.gz"
    table.write_bytes(gzip.compress(b"name,token\nAnna,id-1\nBob,id-2\n"))
    with table.open("rb") as file:
        job = client.submit(file, org_id=ORG, column="token")
    assert [row.id for row in job.results()] == ["id-1", "id-2"]
    stream = io.BytesIO(b"not this one\nid-3\n")
    stream.readline()
    assert [row.id for row in client.submit(stream, org_id=ORG).results()] == ["id-3"]


def test_a_dash_is_a_file_of_that_name(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInputError, match=r"\./-: No such file"):
        client.submit("-", org_id=ORG)


def test_ids_that_look_like_a_table_are_ids(client: Client) -> None:
    ids = ["line,id,outcome,reason,message,http_status,attempts,finished_at", "1,2,3"]
    assert [row.id for row in client.submit(ids, org_id=ORG).results()] == ids


def test_what_is_no_id_is_a_malformed_line_as_in_a_file(client: Client) -> None:
    job = client.submit(["good", "not an id", "bad\ud83d", "x" * 300, "good", " trimmed "], org_id=ORG)
    rows = list(job.results())
    assert [row.line for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row.reason for row in rows[1:5]] == ["MALFORMED", "MALFORMED", "MALFORMED", "DUPLICATE"]
    assert (rows[0].id, rows[5].id) == ("good", "trimmed")


class Opened:
    """An iterable that tells whether it was consumed."""

    consumed = 0

    def __iter__(self) -> Iterator[str]:
        for token_id in new_ids(3):
            self.consumed += 1
            yield token_id


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (["fine", 7], "id number 2 is of type int"),
        (["fine", b"x"], "id number 2 is of type bytes"),
        (b"abc", "id number 1 is of type int"),
        (["id\n"], "id number 1 holds a line feed"),
        ([*new_ids(3000), ""], "id number 3001 is empty"),
        (["\u00e9", "\ufeff"], "id number 2 is empty"),
        (io.StringIO("id\n"), "opened as text"),
        (Path("/nowhere/at-all"), "/nowhere/at-all: No such file"),
        (["spaced out", "not an id"], "2 of 2 lines are malformed"),
        (["A" * 64] * 3, "token values"),
    ],
)
def test_a_list_that_cannot_be_is_refused_before_anything_is_stored(
    client: Client, source: Any, words: str
) -> None:
    before = [job.id for job in client.jobs()]
    with pytest.raises(BadInputError, match=words):
        client.submit(source, org_id=ORG)
    assert [job.id for job in client.jobs()] == before


def test_an_error_of_the_iterable_is_its_own_and_nothing_is_stored(client: Client) -> None:
    def broken() -> Iterator[str]:
        yield "id-1"
        raise LookupError("the database went away")

    before = [job.id for job in client.jobs()]
    with pytest.raises(LookupError, match="went away"):
        client.submit(broken(), org_id=ORG)
    assert [job.id for job in client.jobs()] == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"org_id": "../etc"}, "no organization's id"),
        ({"weight": 0}, "--weight"),
        ({"weight": 101}, "--weight"),
        ({"weight": 1.5}, "--weight"),
        ({"weight": True}, "--weight"),
        ({"max_failures": -1}, "--max-failures"),
        ({"max_failure_ratio": 1.5}, "--max-failure-ratio"),
        ({"max_failure_ratio": float("nan")}, "--max-failure-ratio"),
        ({"labels": {"ticket": 7}}, "--label"),
        ({"deadline": "soon"}, "--deadline"),
        ({"deadline": -1}, "--deadline"),
        ({"deadline": float("inf")}, "--deadline"),
        ({"column": "id"}, "--column"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_the_list_is_read(
    client: Client, options: dict[str, Any], words: str
) -> None:
    source = Opened()
    with pytest.raises(BadInputError, match=words):
        client.submit(source, **{"org_id": ORG, **options})
    assert source.consumed == (3 if "column" in options else 0)


def test_options_reach_the_job(client: Client, tmp_path: Path) -> None:
    job = client.submit(
        new_ids(3), org_id=ORG, request_id=str(tmp_path), labels={"ticket": "SEC-1"}, deadline="6h", weight=7
    )
    report = job.report()
    assert (report.org_id, report.request_id, report.labels) == (ORG, str(tmp_path), {"ticket": "SEC-1"})
    assert report.created_at is not None
    assert report.deadline_at is not None
    created, deadline = map(datetime.fromisoformat, (report.created_at, report.deadline_at))
    assert (deadline - created).total_seconds() == pytest.approx(6 * 3600, abs=60)
    assert client._session.store.field(job.id, "weight") == "7"


def test_the_organization_comes_from_the_settings(valkey: RealServer, client: Client) -> None:
    with pytest.raises(BadSettingError, match="no organization"):
        client.submit(new_ids(3))
    with Client(redis_url=valkey.server.url, org_id=ORG) as ours:
        assert ours.submit(new_ids(3)).report().org_id == ORG


def test_a_plan_says_what_submit_then_takes(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("name,token\nAnna,id-1\nBob,id 2\nCarl,id-1\n")
    plan = client.plan(path, column="token")
    assert (plan.manifest.unique, plan.manifest.duplicates, plan.manifest.malformed) == (1, 1, 1)
    assert (plan.requests, plan.malformed_lines[0].line) == (1, 3)
    job = client.submit(path, org_id=ORG, column="token", plan=plan.plan)
    assert job.report().manifest == plan.manifest
    with pytest.raises(BadInputError, match="would now be read as csv,column=2"):
        client.submit(path, org_id=ORG, column="2", plan=plan.plan)
    path.write_text("name,token\nAnna,id-2\n")
    with pytest.raises(BadInputError, match="it is another list"):
        client.submit(path, org_id=ORG, column="token", plan=plan.plan)


def test_a_plan_needs_no_redis() -> None:
    with Client(redis_url=NOWHERE, rate=3) as client:
        plan = client.plan(new_ids(45))
    assert (plan.requests, plan.seconds.low) == (3, 1.0)


def test_what_looks_like_a_mistake_is_a_warning(client: Client, warnings: list[str]) -> None:
    job = client.submit([], org_id=ORG)
    assert warnings == ["the list holds no id"]
    assert job.survey is not None
    assert list(job.survey.advice) == warnings == list(client.plan([]).warnings)


def test_a_server_that_may_lose_jobs_is_warned_of_once(warnings: list[str]) -> None:
    with (
        valkey9(maxmemory_policy="allkeys-lru") as real,
        Client(redis_url=real.server.url, on_warning=warnings.append) as client,
    ):
        client.submit(new_ids(2), org_id=ORG)
        client.submit(new_ids(2), org_id=ORG)
    (warning,) = warnings
    assert "may evict jobs" in warning


def test_without_redis_every_call_says_so() -> None:
    with Client(redis_url=NOWHERE) as client:
        job = client.job("20261124-093000-1a2b3c4d")
        calls: list[Any] = [
            *(job.report, job.progress, job.wait, job.results, job.page, job.verify, job.pause, job.purge),
            *(job.retry, client.live_workers),
            lambda: client.submit(new_ids(1), org_id=ORG),
            lambda: list(client.jobs()),
            lambda: client.set_rate(ORG, 5),
            lambda: job.write_results(lambda _: None),
            lambda: job.write_folder("unused"),
        ]
        for call in calls[:2] + calls[3:]:
            with pytest.raises(
                RedisUnreachableError, match=r"cannot reach Redis at redis://127\.0\.0\.1:1/0"
            ):
                call()
        # A wait goes on for as long as a failover may take.
        first = next(job.follow())
        assert (first.is_last, getattr(first, "is_new", None)) == (False, True)


@pytest.mark.parametrize("name", ["redis_ulr", "api_token", "access_token"])
def test_a_keyword_that_is_no_setting_of_a_client_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        Client(**{name: "x"})  # type: ignore[arg-type] # Names of settings alone.


def test_a_setting_that_cannot_be_is_refused_without_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettingError) as caught:
        Client(redis_url="http://user:a-secret@host")
    assert "a-secret" not in str(caught.value)
    monkeypatch.setenv("BULK_ACTIVATE_RATES", "5")
    with pytest.raises(BadSettingError, match="BULK_ACTIVATE_RATES"):
        Client()


def open_lists(folder: Path) -> list[str]:
    """Files of `folder`, and unlinked ones, that this process has open."""
    targets = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return [target for target in targets if str(folder) in target or "(deleted)" in target]


def test_no_file_is_left_open(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("id-1\n")
    before = open_lists(tmp_path)
    client.submit(path, org_id=ORG)
    client.submit(new_ids(2), org_id=ORG)
    for wrong in (["id\n"], ["spaced out"]):
        with pytest.raises(BadInputError):
            client.submit(wrong, org_id=ORG)
    assert open_lists(tmp_path) == before
