"""Something between a worker and the API answers by itself, in every way that was seen, while a job runs."""

from pathlib import Path

from tests.e2e.stack import simulator, until
from tests.faults.invariant import check
from tests.faults.middlebox import OWN, Middlebox, Own, middlebox
from tests.faults.scene import MIXED, Scene, scene
from worker.core.batches.batch import MAX_BATCH


def answers_for_a_while(made: Scene, box: Middlebox, own: Own, job_id: str) -> None:
    """Long enough for the job to say so; then the API is there again, and heard."""
    box.own = own
    until(lambda: made.stack.report(job_id)["state_reason"]["code"] == "api_unavailable")
    box.own = None
    made.more(20)


def test_whatever_a_middlebox_says_no_id_no_credential_and_no_organization_is_refused_by_it(
    tmp_path: Path,
) -> None:
    with simulator(*MIXED) as behind, middlebox(behind) as box, scene(tmp_path, api=box, rate=100) as made:
        job_id, ids = made.begin(1500)
        for own in OWN:
            answers_for_a_while(made, box, own, job_id)
            assert made.state(job_id) == "running", own.name
        made.end(job_id)
        check(made, job_id, ids, twice=MAX_BATCH * box.dropped)
        report = made.stack.report(job_id)
        assert report["counts"]["unknown"] == 0
        assert [(change["from"], change["to"]) for change in report["history"]] == [
            ("preparing", "queued"),
            ("queued", "running"),
            ("running", "completed"),
        ]
        # Each id was charged what the API itself answered, and no more.
        assert {row["attempts"] for row in made.stack.rows(job_id)} == {1}
