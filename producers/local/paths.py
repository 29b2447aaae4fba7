"""Where a run keeps what it writes: its jobs, its logs and the results folder."""

from dataclasses import dataclass
from pathlib import Path

from worker.core.errors import BadInputError
from worker.reports.folder import check_folder
from worker.settings import PREFIX


@dataclass(frozen=True, slots=True)
class RunPaths:
    """The folders of a run."""

    home: Path
    output: Path | None
    """The results folder; None for a new one under `home`."""
    parquet: bool = False
    """Whether the folder gets the rows as Parquet too."""
    demo: bool = False
    """Whether its jobs are those of `demo`, which no later run resumes."""

    def results(self, job_id: str) -> Path:
        return self.output or self.home / "results" / job_id

    def check(self, job_id: str | None) -> None:
        """Makes the results folder and tries to write in it, before the first request.

        Raises `BadInputError` if that fails, or if the folder holds the files of another job.
        """
        if self.output is not None:
            check_folder(self.output, job_id)
        else:
            # It holds one folder per job.
            make_home(self.home / "results")


def make_home(home: Path) -> Path:
    """Makes a folder of mode 0700. Raises `BadInputError`."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadInputError(f"cannot make {home} ({error.strerror}): set {PREFIX}STATE_DIR") from error
    return home
