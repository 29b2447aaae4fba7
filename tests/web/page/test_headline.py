"""What stands at the top of a job: whether it goes well, and what to do if it does not."""

from typing import Any

import msgspec
import pytest

from producers.waiting import Progress
from producers.web.page.headline import ADVICE, Headline, Tone, headline
from tests.core.stored import T0
from tests.reports.pages import report
from worker.core.job import ReasonCode
from worker.core.reporting.schema import FailureGroup, Rate
from worker.core.timestamp import timestamp

HALF = {"total": 100, "n_activated": 50, "n_pending": 50, "active_ms": 10_000, "active_since": T0}
RUNNING = {"state": "running", **HALF}
REFUSED = {"n_activated": 14, "n_failed": 1}
HOPELESS = FailureGroup("TOKEN_NOT_FOUND", "Token not found", 1, 200, [], retryable=False)


def said(workers: int = 1, held: float = 0.0, failures: Any = (), **fields: Any) -> Headline:
    one = report(list(failures), **fields)
    if held:
        one = msgspec.structs.replace(one, rate=Rate("auto", 10.0, timestamp(T0 + 1000 * held)))
    return headline(Progress(one, T0, workers))


@pytest.mark.parametrize(
    ("given", "tone", "words", "advice"),
    [
        ({}, Tone.GOOD, "All 15 tokens are active", ""),
        (REFUSED, Tone.WAITING, "1 refused", "A retry sends those again"),
        ({**REFUSED, "failures": [HOPELESS]}, Tone.WAITING, "1 refused", "Trying again would not help"),
        ({**REFUSED, "n_activated": 13}, Tone.BAD, "do not sum to the total", "`bulk-activate verify"),
        (RUNNING, Tone.MOVING, "It goes well", ""),
        ({**RUNNING, "workers": 0}, Tone.BAD, "No worker is alive", "`bulk-activate worker`"),
        ({**RUNNING, "held": 9}, Tone.MOVING, "It goes well", ""),
        ({**RUNNING, "held": 75}, Tone.WAITING, "goes on in 1m 15s", "nothing to do"),
        ({**RUNNING, "n_activated": 40, "n_failed": 10}, Tone.WAITING, "Many ids do not", "A pause stops"),
        ({**HALF, "state": "queued"}, Tone.MOVING, "waits for its turn", ""),
        ({**HALF, "state": "cancelling"}, Tone.WAITING, "Being cancelled", ""),
        ({**HALF, "state": "preparing"}, Tone.MOVING, "being stored", ""),
        (
            {
                **HALF,
                "state": "paused",
                "reason_code": "user",
                "reason_actor": "bob",
                "reason_message": "lunch",
            },
            Tone.WAITING,
            "Paused by bob: lunch.",
            "until somebody resumes it",
        ),
        (
            {**RUNNING, "reason_code": "api_unavailable", "reason_message": "HTML answers"},
            Tone.WAITING,
            "It waits: HTML answers.",
            "Nothing is lost",
        ),
        ({**RUNNING, "reason_code": "store_full"}, Tone.BAD, "It does not go on.", "more memory"),
        ({**RUNNING, "reason_code": "user"}, Tone.MOVING, "It goes well", ""),
    ],
)
def test_a_headline_says_whether_it_goes_well_and_what_to_do(
    given: dict[str, Any], tone: Tone, words: str, advice: str
) -> None:
    found = said(**given)
    assert (found.tone, words in found.words, advice in found.advice) == (tone, True, True), found
    assert bool(found.advice) == bool(advice)


@pytest.mark.parametrize("code", [code for code in ReasonCode if code is not ReasonCode.USER])
def test_every_reason_of_an_end_comes_with_advice(code: ReasonCode) -> None:
    found = said(state="failed", reason_code=code, n_activated=10, n_not_attempted=5)
    assert (found.tone, found.advice) == (Tone.BAD, ADVICE[code])


def test_every_reason_of_a_state_has_advice() -> None:
    assert set(ADVICE) == set(ReasonCode) - {ReasonCode.USER}
