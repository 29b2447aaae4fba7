"""An Airflow 3 operator that submits a list, and a sensor that waits for the job without holding a slot.

    submit = SubmitActivation(task_id="submit", path="/lists/{{ ds }}.csv.gz", org_id=ORG)
    ActivationDone(task_id="done", job_id=submit.output, mode="reschedule", poke_interval=60)

Read, not run: Airflow is not installed where this project is tested.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from airflow.exceptions import AirflowFailException
from airflow.sdk import BaseOperator, BaseSensorOperator

from producers import Client, JobUnfinishedError


class SubmitActivation(BaseOperator):
    """Pushes the id of the job. A retry of the task finds the job that it made before."""

    template_fields: ClassVar = ("path",)

    def __init__(self, *, path: str, org_id: str, **options: Any) -> None:
        super().__init__(**options)
        self.path = path
        self.org_id = org_id

    def execute(self, context: Mapping[str, Any]) -> str:
        run = context["dag_run"]
        with Client(actor=f"airflow:{run.dag_id}") as client:
            key = f"{run.dag_id}:{run.run_id}:{self.task_id}"
            return client.submit(self.path, org_id=self.org_id, request_id=key).id


class ActivationDone(BaseSensorOperator):
    """Done when the job has completed; fails, with the reason, where it was paused or ended early."""

    template_fields: ClassVar = ("job_id",)

    def __init__(self, *, job_id: str, **options: Any) -> None:
        super().__init__(**options)
        self.job_id = job_id

    def poke(self, context: Mapping[str, Any]) -> bool:
        del context
        with Client() as client:
            job = client.job(self.job_id)
            if not job.progress().is_last:
                return False
            try:
                job.wait(timeout=0)
            except JobUnfinishedError as error:
                raise AirflowFailException(str(error)) from error
        return True
