"""Tasks of another Celery application, which has a broker of its own and shares nothing with our workers."""

import os
from typing import Any

from celery import Celery, Task

from producers import Client

app = Celery("billing", broker=os.environ["BILLING_BROKER_URL"], backend=os.environ["BILLING_BROKER_URL"])


@app.task(bind=True, acks_late=True)
def reactivate(task: Task, ids: list[str], org_id: str) -> str:
    """Stores the job and ends at once. Delivered twice, it finds the job that it made the first time."""
    with Client() as client:
        return client.submit(ids, org_id=org_id, request_id=f"billing:{task.request.id}").id


@app.task(bind=True, max_retries=None)
def counts(task: Task, job_id: str) -> dict[str, Any]:
    """The ids by outcome, once the job rests. It looks again later, so that no process sits and waits."""
    with Client() as client:
        progress = client.job(job_id).progress()
    if not progress.is_last:
        raise task.retry(countdown=1)
    return progress.report.counts
