"""What becomes of the parts of a refused batch once no probe is left. (How they are made: policy_driven.)"""

from tests.core.made import a_batch
from worker.core.batches.batch import Settlement
from worker.core.batches.split import Parts
from worker.core.reason import Reason

NO = Reason("HTTP_400", "no", 400)


def test_parts_are_probes_and_stay_apart_from_other_suspects() -> None:
    parts = Parts([a_batch(3)])
    whole = parts.take()
    assert whole is not None
    parts.split(whole, NO)
    assert [(part.ids, part.split_probe, part.isolated) for part in parts.waiting] == [
        (whole.ids[:2], True, True),
        (whole.ids[2:], True, True),
    ]


def test_an_id_refused_in_a_readable_answer_or_lost_is_no_culprit() -> None:
    parts = Parts([])
    for status in (200, 0):
        parts.record(Settlement(a_batch(1), "F", status))
    parts.record(Settlement(a_batch(2), "UU", 400))
    assert parts.culprits == 0
    parts.record(Settlement(a_batch(1), "F", 400))
    assert parts.culprits == 1


def test_what_is_left_without_a_probe_is_unknown_and_says_why() -> None:
    parts = Parts([])
    parts.split(a_batch(3, attempts=1), NO)
    first, second = parts.give_up_probes()
    assert (first.codes, second.codes, first.status) == ("UU", "U", 400)
    assert first.batch.attempts == (1, 1)
    [(position, reason), _] = first.reasons
    assert (position, reason.name, reason.status) == (0, "PROBES_SPENT", 400)
    assert reason.message.endswith("no")
    assert parts.take() is None
