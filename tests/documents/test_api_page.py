"""What worker/api/README.md says of answers is what the code makes of an example of each."""

import re
from collections.abc import Callable
from itertools import chain
from typing import Final

import pytest

from tests.core.drill import Drill, batches_of, up
from tests.core.made import IDS, a_batch, answered, ok
from tests.documents.markdown import ROOT, document, quoted, rows
from worker.core.access.exchange import read_exchange
from worker.core.answers.answer import classify
from worker.core.answers.reconcile import Reconciled
from worker.core.answers.reply import MAX_BODY, NoReply, Reply
from worker.core.answers.verdict import Throttled, Verdict
from worker.core.batches.batch import Batch
from worker.core.batches.split import FREE_PROBES
from worker.core.job import ReasonCode
from worker.core.outcome import BY_CODE, Outcome
from worker.core.retrying.action import Action
from worker.core.retrying.breaker import Breaker
from worker.core.retrying.judgement import judge
from worker.core.retrying.policy import MAX_INTERCEPTED, Policy
from worker.core.retrying.refusals import CONFIRM_AFTER, Refusals

PAGE: Final = document("worker/api/README.md")
ANSWERS: Final = {cells[0]: cells[1:] for cells in rows(PAGE.section("What each answer means").text)}
EXCHANGES: Final = {
    cells[0]: cells[1:] for cells in rows(PAGE.section("What an exchange's answer means").text)
}
SENT: Final = IDS[:3]
OBJECT: Final = b'{"message": "no"}'
NO_OBJECT: Final = (b"", b"<html>", b"no", b"[]", OBJECT[:-1])
LONG: Final = 7200.0
"""Seconds: whoever still waits then goes on waiting."""

NAMED: Final = {int(status) for row in ANSWERS for status in re.findall(r"\b[1-5]\d\d\b", row)}
OF_SAID: Final[dict[str, Callable[[tuple[str, ...], str], bytes]]] = {
    "200, the id in `successes`": lambda ids, _one: ok(ids),
    "200, the id in `failures`": lambda ids, one: ok(_others(ids, one), [(one, "gone")]),
    "200, the id in `failures` as already active": lambda ids, one: ok(
        _others(ids, one), [(one, "Token is already active")]
    ),
    "200, the id in both lists": lambda ids, one: ok(ids, [(one, "gone")]),
    "200, the id in neither list": lambda ids, one: ok(_others(ids, one)),
}
"""The body of an answer to `ids`, of which `one` is the id that the row is about."""

LOST: Final = {
    "no answer in time": NoReply("TIMED_OUT", "", sent=True),
    "connection closed": NoReply("CONNECTION_CLOSED", "", sent=True),
    "connection reset": NoReply("CONNECTION_RESET", "", sent=True),
    "an answer cut short": NoReply("ANSWER_CUT_SHORT", "", sent=True),
    "more than 1 MiB with a 200": NoReply("ANSWER_TOO_LARGE", "", sent=True),
    "no HTTP": NoReply("BAD_ANSWER", "", sent=True),
    "no connection": NoReply("NO_CONNECTION", "", sent=False),
    "no access token": NoReply("TOKEN_UNAVAILABLE", "", sent=False),
}
"""That the client makes these of what happens on the wire is shown in `tests/api/test_every_answer.py`."""


def _others(ids: tuple[str, ...], one: str) -> list[str]:
    return [name for name in ids if name != one]


def statuses(row: str) -> list[int]:
    """Those that a row is about: the ones that it names, and of hundreds those that no row names."""
    of_hundreds = (range(100 * int(digit), 100 * int(digit) + 100) for digit in re.findall(r"(\d)xx", row))
    others = (status for status in chain.from_iterable(of_hundreds) if status not in NAMED)
    return [*map(int, re.findall(r"\b[1-5]\d\d\b", row)), *others]


def bodies(row: str) -> tuple[bytes, ...]:
    if "a JSON object" in row:
        return (OBJECT,)
    return NO_OBJECT if row.endswith("no JSON object") else (OBJECT, *NO_OBJECT)


def replies(row: str) -> list[Reply | NoReply]:
    """Examples of a row, but for those of `OF_SAID`."""
    if row in LOST:
        return [LOST[row]]
    return [answered(status, body) for status in statuses(row) for body in bodies(row)]


def verdicts(row: str) -> list[Verdict]:
    if (body := OF_SAID.get(row)) is not None:
        return [classify(answered(200, body(SENT, SENT[0])), SENT, 0.0)]
    return [classify(reply, SENT, 0.0) for reply in replies(row)]


def first_action(verdict: Verdict) -> Action:
    judged = judge(Policy(), Breaker(), Refusals(), verdict, a_batch(3), 0.0, 0.0, breaker_probe=False)
    return judged.action


def test_the_table_has_one_row_for_every_status_with_a_json_object_and_without() -> None:
    found = {
        row: {(reply.status, reply.body == OBJECT) for reply in replies(row) if isinstance(reply, Reply)}
        for row in {*ANSWERS} - {*OF_SAID}
    }
    every = [each for of_row in found.values() for each in of_row]
    assert sorted(every) == sorted(
        {(status, is_object) for status in range(100, 600) for is_object in (False, True)}
    )


@pytest.mark.parametrize("row", ANSWERS)
def test_an_example_of_each_answer_means_what_its_row_says(row: str) -> None:
    named, reason, action, _ = ANSWERS[row]
    assert verdicts(row) != []
    for verdict in verdicts(row):
        assert type(verdict).__name__ == named
        assert type(first_action(verdict)).__name__ == action
        if (given := getattr(verdict, "reason", None)) is not None:
            assert given.name == reason.replace("nnn", str(given.status))


def end(row: str) -> tuple[str, set[str]]:
    """What becomes of the id `7`, whose requests get no other answer, and the names of the reasons given."""

    def api(batch: Batch, _now: float) -> Verdict:
        if "7" not in batch.ids:
            return up(batch)
        if (body := OF_SAID.get(row)) is not None:
            return classify(answered(200, body(batch.ids, "7")), batch.ids, 0.0)
        return classify(replies(row)[0], batch.ids, 0.0)

    drill = Drill(api)
    if type(verdicts(row)[0]) is Throttled:
        # The drill knows no holds: the request is repeated at once each time.
        with pytest.raises(AssertionError, match="it goes on and on"):
            drill.run(batches_of(150), until=LONG)
        return "waits", set()
    drill.run(batches_of(150), until=LONG)
    if drill.halted is not None:
        paused = drill.halted.code is ReasonCode.CREDENTIAL_REJECTED
        return f"job `{'paused' if paused else 'failed'}`", {drill.halted.reason.name}
    outcome = BY_CODE[drill.codes.get(7, ".")]
    return "waits" if outcome is Outcome.PENDING else f"`{outcome}`", set(drill.reasons)


@pytest.mark.parametrize("row", ANSWERS)
def test_an_id_that_gets_no_other_answer_ends_as_its_row_says(row: str) -> None:
    _, reason, _, becomes = ANSWERS[row]
    ended, reasons = end(row)
    assert ended == becomes
    if ended != "waits" and reason not in {"", "of its words"}:
        assert {re.sub(r"(?<=HTTP_)\d+", "nnn", name) for name in reasons} == {re.sub(r"\d+", "nnn", reason)}


@pytest.mark.parametrize("field", ["statusCode", "status"])
def test_an_error_document_in_a_200_counts_as_its_status(field: str) -> None:
    for status in (400, 401, 403, 404, 409, 429, 500, 503, 599):
        document = f'{{"{field}": {status}, "message": "no"}}'.encode()
        assert classify(answered(200, document), SENT, 0.0) == classify(answered(status, OBJECT), SENT, 0.0)
    assert not isinstance(classify(answered(200, b'{"statusCode": 399}'), SENT, 0.0), Reconciled)


def test_the_bounds_are_those_of_the_code() -> None:
    assert f"A job has {FREE_PROBES} such requests" in PAGE.text
    assert f"intercepts {MAX_INTERCEPTED} times while others get through" in PAGE.text
    assert f"else at a second one {CONFIRM_AFTER:.0f} s later" in PAGE.text
    assert ("more than 1 MiB" in PAGE.text, MAX_BODY) == (True, 1 << 20)
    assert ("An id has five attempts" in PAGE.text, Policy().max_attempts) == (True, 5)


def exchange_replies(row: str) -> list[Reply | NoReply]:
    if row == "no answer":
        return [NoReply("TIMED_OUT", "", sent=True), NoReply("NO_CONNECTION", "", sent=False)]
    if row.startswith("200"):
        return [answered(200, b'{"access_token": "t", "expires_in": 1799}')]
    if row == "any other 200":
        return [answered(200, body) for body in (*NO_OBJECT, OBJECT, b'{"access_token": ""}')]
    return [answered(status, body) for status in statuses(row) for body in bodies(row)]


@pytest.mark.parametrize("row", EXCHANGES)
def test_an_example_of_each_exchange_means_what_its_row_says(row: str) -> None:
    for reply in exchange_replies(row):
        assert type(read_exchange(reply, 0.0)).__name__ == EXCHANGES[row][0]


def test_every_fact_says_how_it_is_known_and_names_files_that_are_there() -> None:
    facts = list(rows(PAGE.section("Facts").text))
    assert {known for _, known, _ in facts} == {"documented", "seen", "unknown"}
    for _, _, use in facts:
        for name in quoted(use):
            if "/" in name or name.endswith(".py"):
                assert (ROOT / name).exists() or (ROOT / "worker/api" / name).is_file(), name
