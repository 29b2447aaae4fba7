"""What worker/store/README.md says is what the store does: keys, moves, bytes, scripts, versions."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Final

import fakeredis
import pytest
import redis

from tests.documents.markdown import ROOT, document, quoted, rows
from tests.documents.states import Moves, moves
from tests.documents.wandering import Wanderer, wander
from tests.model.snapshot import LEGAL
from tests.store.job_setup import SCOPE, commit, put_job, settled, state, take
from worker.core.batches import record
from worker.core.batches.slices import Slice, pack
from worker.core.job import FIRST_VERSION, RECORD_VERSION, Control
from worker.core.outcome import CODES
from worker.store import keys
from worker.store.budget import HOLDS
from worker.store.claims import LEASE_MS, ClaimStore
from worker.store.jobs import JobStore
from worker.store.script_args import PURGED_AT_ONCE, WINDOW
from worker.store.script_calls import BudgetScript, Code, ExchangeScript, Script

PAGE: Final = document("worker/store/README.md")
FOLDER: Final = ROOT / "worker/store/scripts"
LUA: Final = {
    str(path.relative_to(FOLDER).with_suffix("")): path.read_text() for path in FOLDER.rglob("*.lua")
}
ALL_LUA: Final = "\n".join(LUA.values())
JOB, SLICE, CLAIM = (moves(fence.text) for fence in PAGE.fences() if fence.language == "mermaid")

NOT_IN_THE_MODEL: Final[dict[str, Moves]] = {
    "job": {("cancelling", "failed")},
    "slice": {("waiting", "done"), ("unqueued", "done")},
    "claim": {("live", "fenced")},
}
"""Moves of slices that are set aside, and where somebody deletes keys. Each is shown on its own, below."""


def shown_keys() -> set[str]:
    return {name for cells in rows(PAGE.section("Keys").text) for name in quoted(cells[0])}


def test_the_keys_are_those_of_python() -> None:
    fixed = {str(value) for name, value in vars(keys).items() if name.isupper() and "bulk:" in str(value)}
    assert shown_keys() == (
        fixed
        | {keys.job("JOB", part) for part in keys.PER_JOB}
        | {keys.of_slice("JOB", part, 0)[:-1] + "N" for part in keys.PER_SLICE}
        | {keys.budget("HOST", "ORG", part) for part in ("", "workers", "jobs")}
        | {keys.exchange("HOST", "").rstrip(":") + ":ORG", keys.request("KEY")}
    )
    assert shown_keys() == set(re.findall(r"^    (bulk:\S+) ", str(keys.__doc__), re.MULTILINE))


def test_the_keys_are_those_of_lua() -> None:
    parts = re.findall(r"(?:base \.\. |\}:)'?([a-z]+:?)'", ALL_LUA) + re.findall(
        r"'(out|bat|why|exc)'", ALL_LUA
    )
    per_slice = {part.rstrip(":") for part in parts if part.rstrip(":") in keys.PER_SLICE}
    named = {f"bulk:{{JOB}}:{part}" for part in parts if part.rstrip(":") not in per_slice}
    named |= {f"bulk:{{JOB}}:{part}:N" for part in per_slice} | {keys.job("JOB")}
    named |= set(re.findall(r"'(bulk:[a-z]+)'", ALL_LUA)) | set(
        re.findall(r"\bbulk:[a-z]+:[A-Z:]+\b", ALL_LUA)
    )
    # The terms of workers and the shares of jobs are passed as keys; the metrics are kept by Python alone.
    by_name = {keys.budget("HOST", "ORG", part) for part in ("workers", "jobs")}
    assert shown_keys() - named == by_name | {keys.WORKERS, keys.SCOPES, keys.TRIAL}
    # A channel, and a key of version 1 that `purge` clears.
    assert named - shown_keys() == {HOLDS, "bulk:untold"}


@pytest.fixture(scope="module")
def found() -> Wanderer:
    return wander()


def test_the_moves_of_a_job_are_those_that_the_model_makes(found: Wanderer) -> None:
    assert {("[*]", "preparing")} | found.jobs | NOT_IN_THE_MODEL["job"] == JOB
    assert found.jobs == {(begin, end) for begin, ends in LEGAL.items() for end in ends}


def test_the_moves_of_a_slice_are_those_that_the_model_makes(found: Wanderer) -> None:
    assert {("[*]", "unqueued")} | found.slices | NOT_IN_THE_MODEL["slice"] == SLICE


def test_the_moves_of_a_claim_are_those_that_the_model_makes(found: Wanderer) -> None:
    assert {("[*]", "live")} | found.claims | NOT_IN_THE_MODEL["claim"] == CLAIM


@pytest.fixture
def server() -> fakeredis.FakeServer:
    return fakeredis.FakeServer(version=(7,))


@pytest.fixture
def client(server: fakeredis.FakeServer) -> Iterator[redis.Redis]:
    with fakeredis.FakeRedis(server=server) as client:
        yield client


@pytest.fixture
async def claims(server: fakeredis.FakeServer) -> AsyncIterator[ClaimStore]:
    async with fakeredis.FakeAsyncRedis(server=server) as own:
        yield ClaimStore(own, SCOPE)


async def test_a_cancelled_job_whose_keys_were_deleted_is_failed(
    client: redis.Redis, claims: ClaimStore
) -> None:
    jobs = JobStore(client)
    job_id = put_job(jobs, 30)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15)
    jobs.control(job_id, Control.CANCEL, code="user", message="", actor="me")
    assert state(jobs, job_id) == "cancelling"
    client.delete(keys.of_slice(job_id, "out", 0))
    assert (await commit(claims, claim, 2, mark=15)).code is Code.FENCED
    assert state(jobs, job_id) == "failed"


@pytest.mark.parametrize("number", [1, WINDOW], ids=["waiting", "unqueued"])
async def test_a_slice_whose_ids_were_deleted_is_done(
    client: redis.Redis, claims: ClaimStore, number: int
) -> None:
    job_id = put_job(JobStore(client), 2 * (WINDOW + 1), per_slice=2)
    assert (client.zscore(keys.job(job_id, "waiting"), str(number)) is None) == (number == WINDOW)
    client.delete(keys.of_slice(job_id, "ids", number))
    assert (await claims.claim(job_id, number, nonce="n", worker="w"))[0] is Code.RESTING
    assert client.hget(keys.of_slice(job_id, "slice", number), "done") == b"1"


async def test_a_slice_that_is_set_aside_is_done_and_its_live_claim_fenced(
    client: redis.Redis, claims: ClaimStore
) -> None:
    job_id = put_job(JobStore(client), 30, per_slice=15)
    client.hset(keys.of_slice(job_id, "slice", 0), "deaths", 3)
    assert (await claims.claim(job_id, 0, nonce="n", worker="w"))[0] is Code.NEEDS_ISOLATION
    claim, _ = await claims.claim(job_id, 0, nonce="n", worker="w", isolated_process=True)
    assert not isinstance(claim, Code)
    assert (await claims.set_aside(job_id, 0, "n"))[0] is Code.SET_ASIDE
    assert client.hget(keys.of_slice(job_id, "slice", 0), "done") == b"1"
    assert (await commit(claims, claim, 1)).code is Code.FENCED


def test_the_layouts_are_those_that_are_read() -> None:
    cells = {
        quoted(name)[0]: (size, layout) for name, size, layout in rows(PAGE.section("Byte layouts").text)
    }
    letters = re.findall(r"`(.)` (\w+)", cells["out"][1])
    assert letters == [(code, str(outcome)) for outcome, code in CODES.items()]
    for name, struct in (("bat", record._BATCH), ("why", record._REASON), ("exc", record._EXCEPTION)):
        size, layout = cells[name]
        fields = [int(field) for field in re.findall(r" (\d)(?=[,;]|$)", layout)]
        assert int(size.split(" ")[0]) == sum(fields) == struct.size, name
    assert pack(Slice(("a",), ((2, 1),)))[:1] == b"1" == quoted(cells["ids"][1])[0].encode()
    assert set(cells) == {*keys.PER_SLICE, "skipped"} - {"slice"}


def test_every_script_is_in_the_table_with_every_code_that_it_returns() -> None:
    table = {quoted(cells[0])[0]: cells[2].split() for cells in rows(PAGE.section("Scripts").text)}
    folders = {"job": Script, "budget": BudgetScript, "exchange": ExchangeScript}
    assert set(table) == {f"{folder}/{name}" for folder, names in folders.items() for name in names}
    for script in Script:
        text = LUA[f"job/{script}"]
        returned = re.findall(r"(?:return|or|\?) ?\{\s*'([A-Z_]+)'", text)
        assert set(table[f"job/{script}"]) == set(returned), script
        assert set(returned) <= {*Code}


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("the last {} changes of state", r"HISTORY = (\d+)"),
        ("at most {:,}", r"MAX_NAMES = \d+, (\d+)"),
        ("up to {} buckets", r"BUCKETS = (\d+)"),
        ("more than {:.0f} s without a sweep", r"SILENCE = (\d)000"),
    ],
)
def test_the_bounds_are_those_of_lua(said: str, value: str) -> None:
    (bound,) = re.findall(value, ALL_LUA)
    assert said.format(int(bound)) in PAGE.text


def test_the_bounds_are_those_of_python() -> None:
    assert f"{LEASE_MS // 1000} s without a commit" in PAGE.text
    assert f"removes a job, {PURGED_AT_ONCE} slices a call" in PAGE.text
    assert ("for eight slices of a job at once" in PAGE.text, WINDOW) == (True, 8)
    assert ("After three deaths" in PAGE.text, "MAX_DEATHS = 3" in ALL_LUA) == (True, True)
    assert ("up to five of them" in PAGE.text, "SAMPLES = 5" in ALL_LUA) == (True, True)


def test_the_versions_are_those_of_the_record() -> None:
    text = PAGE.section("Versions").text
    assert f"is {RECORD_VERSION}. It stands in each job; without it, it is {FIRST_VERSION}." in text
