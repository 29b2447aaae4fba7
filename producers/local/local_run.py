"""A stored job of `run`: worked on until it rests, and its results folder written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from producers.display.watch import watch
from producers.job import Job
from producers.local.children import Child
from producers.local.paths import RunPaths
from producers.submission.session import Session
from worker.core.errors import BadInputError
from worker.core.job import AT_REST
from worker.core.reporting.schema import Report
from worker.reports.folder import write_folder
from worker.reports.status import read_report
from worker.settings import PREFIX


class UnwrittenError(BadInputError):
    """The results folder could not be written. `report` is the state of the job, which is stored."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A run with its embedded Redis, whose URL is in the session's settings."""

    session: Session
    paths: RunPaths
    environment: Mapping[str, str]

    def run_to_rest(self, job_id: str) -> tuple[Report, Path]:
        """Starts a worker for this job, watches until it rests or is paused, and writes the folder."""
        paths = self.paths
        environment = {**self.environment, f"{PREFIX}REDIS_URL": self.session.settings.redis_url}
        with Child("worker", ["--job", job_id], environment, paths.home / "worker.log") as worker:
            # No outage is waited for: this Redis only comes back with another run.
            watch(Job(self.session, job_id), on_poll=worker.restart_if_dead, max_outage=0, own_worker=True)
            # Stopped before the folder is written, so that no late answer changes a paused job.
            worker.stop()
        return self.write_results(job_id)

    def write_results(self, job_id: str) -> tuple[Report, Path]:
        """Writes the results folder. Raises `UnwrittenError`."""
        folder = self.paths.results(job_id)
        try:
            report = write_folder(
                self.session.store,
                job_id,
                folder,
                self.session.settings.public(),
                parquet=self.paths.parquet,
            )
        except (BadInputError, OSError) as error:
            raise self._unwritten(job_id, folder, error) from error
        if report.state in AT_REST:
            self.session.store.folder_is_written(job_id)
        return report, folder

    def _unwritten(self, job_id: str, folder: Path, error: Exception) -> UnwrittenError:
        report = read_report(self.session.store, job_id)
        # A demo has a STATE_DIR of its own, which the shell does not know.
        at = f"{PREFIX}STATE_DIR={self.paths.home} " if self.paths.demo else ""
        again = "" if self.paths.demo else "; or run the same command, which then sends nothing again"
        why = error.strerror if isinstance(error, OSError) else str(error)
        return UnwrittenError(
            f"job {job_id} is {report.state}, but its results could not be written to {folder} ({why}):"
            f" write them elsewhere with `{at}bulk-activate results {job_id} --local --output results.csv`"
            f"{again}",
            report,
        )
