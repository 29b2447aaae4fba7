"""Mutated bodies of answers, many of them: whatever comes back, each id gets one meaning and nothing escapes.

The suite runs a few; `pytest tests/core/answers/test_fuzz.py -n0 --fuzz 1000000` runs as many as it is told.
"""

import random
import re

import pytest

from tests.core.made import IDS, a_batch, answered, ok
from worker.core.answers.answer import classify
from worker.core.answers.reconcile import Reconciled
from worker.core.answers.verdict import Faulty
from worker.core.outcome import BY_CODE
from worker.core.retrying.action import Retry, Settle
from worker.core.retrying.policy import Policy, decide

pytestmark = pytest.mark.lengthy

BATCH = a_batch(5, ambiguous=[4])
SENT = BATCH.ids
SEEDS = (
    ok(SENT),
    ok(SENT[:2], [(name, f"Token {name} not found") for name in SENT[2:]]),
    ok(SENT, [(SENT[0], "Token is already active"), ("who", "é\u202e\x1b[2J")]),
    b'{"successes":null,"failures":[{"id":"%b","message":null,"more":{"a":[1,2.5e3]}}]}' % SENT[1].encode(),
    b'{"successes":["%b","\\u00e9\\ud83d\\ude00"],"failures":[]}' % SENT[3].encode(),
)
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What moves a terminal's cursor or turns a line around."""

SPLICES = (
    *(name.encode() for name in IDS[:6]),
    *(
        b'"successes"',
        b'"failures"',
        b'"id"',
        b'"message"',
        b"null",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b'"',
    ),
    *(b'"', b"\\", b"\\u0000", b"\\ud800", b"\xff", b"\x00", b"1e999", b"-0", b"9" * 400, b"NaN", b"[" * 200),
)


def mutated(body: bytes, chance: random.Random) -> bytes:
    """One to six random cuts, doublings, replaced bytes and spliced-in pieces."""
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(body) + 1)
        to = min(len(body), at + chance.randint(0, 12))
        kind = chance.randrange(5)
        if kind == 0:
            body = body[:at] + body[to:]
        elif kind == 1:
            body = body[:to] + body[at:]
        elif kind == 2:
            body = body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
        elif kind == 3:
            body = body[:at] + chance.choice(SPLICES) + body[to:]
        else:
            body = body[:at]
    return body


@pytest.mark.timeout(0)
def test_no_mutated_body_escapes_or_leaves_an_id_without_a_meaning(request: pytest.FixtureRequest) -> None:
    bodies = int(request.config.getoption("--fuzz"))
    chance, policy = random.Random(4), Policy()
    readable = 0
    for _ in range(bodies):
        body = mutated(chance.choice(SEEDS), chance)
        verdict = classify(answered(200, body), SENT, 0.0)
        assert isinstance(verdict, Reconciled | Faulty), body
        readable += isinstance(verdict, Reconciled)
        step = decide(policy, verdict, BATCH, 0.0)
        assert isinstance(step, Settle | Retry), body
        settlement = step.settlement
        assert settlement is not None, body
        assert len(settlement.codes) == len(SENT), body
        again = step.batch.ids if isinstance(step, Retry) else ()
        moving = [
            name for name, code in zip(SENT, settlement.codes, strict=True) if BY_CODE[code] == "ambiguous"
        ]
        assert list(again) == moving, body
        for place, reason in settlement.reasons:
            assert not UNSAFE.search(reason.text_for(SENT[place])), body
    # Both kinds were met: a fuzz that only breaks everything would prove little.
    assert 0.02 * bodies < readable < 0.9 * bodies
