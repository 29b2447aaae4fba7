"""Which Redis a store is in, and errors whose messages name the next command there."""

from dataclasses import dataclass
from typing import Final

from worker.core.errors import NoSuchJobError, StateChangeError
from worker.core.job import AT_REST


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """Which Redis a store is in, for messages that name the next command."""

    name: str = "this Redis"
    flag: str = ""
    """The option by which commands use this Redis, after a space; '' for the one of REDIS_URL."""
    at_work: bool = True
    """Whether jobs in it are worked on; False where only a command keeps it running."""

    @property
    def no_job(self) -> str:
        """What to do where a job is not found."""
        other = "" if self.flag else "; a job of `run` is reached with --local"
        return f"`bulk-activate list{self.flag}` shows those that are there{other}"


HERE: Final = StoreLocation()


def no_such_job(job_id: str, where: StoreLocation) -> NoSuchJobError:
    return NoSuchJobError(f"no job {job_id!r} in {where.name}: {where.no_job}")


def must_rest(verb: str, job_id: str, state: str, where: StoreLocation = HERE) -> StateChangeError:
    at_rest = ", ".join(sorted(AT_REST))
    return StateChangeError(
        f"cannot {verb} job {job_id}: it is {state}, and must be at rest for that ({at_rest}):"
        f" wait, or `bulk-activate cancel {job_id}{where.flag}`"
    )
