"""The figures of worker/DECISIONS.md that no other command prints."""

from itertools import combinations
from typing import Final

import pytest

from tests.core.drill import Drill, batches_of, spoiled
from tests.documents.markdown import document
from worker.core.answers.verdict import Rejected
from worker.core.batches.batch import MAX_BATCH
from worker.core.reason import Reason

PAGE: Final = document("worker/DECISIONS.md").text
REJECTED: Final = Rejected(Reason("HTTP_400", "no", 400))


@pytest.mark.parametrize(
    ("culprits", "said"),
    [(1, "one id at fault among 15 costs {}"), (2, "two cost {}"), (15, "all fifteen cost {}")],
)
def test_what_it_costs_to_find_ids_at_fault(culprits: int, said: str) -> None:
    costs = [
        len(Drill(spoiled({*at_fault}, REJECTED)).run(batches_of(MAX_BATCH)).requests)
        for at_fault in combinations(range(MAX_BATCH), culprits)
    ]
    assert said.format(max(costs)) in PAGE
