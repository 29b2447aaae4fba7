"""The error for values in a record that were not written by this program."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import ResponseError

from worker.core.errors import DamagedRecordError
from worker.store.connect import is_mendable


@contextmanager
def damage(job_id: str) -> Iterator[None]:
    """Raises `DamagedRecordError` instead of the errors that foreign values in the record of a job lead to.

    What an operator can mend, such as a full Redis, passes as it is.
    """
    try:
        yield
    except (DamagedRecordError, ResponseError, ValueError, KeyError, TypeError, OverflowError) as error:
        if isinstance(error, ResponseError) and is_mendable(error):
            raise
        why = str(error) if isinstance(error, DamagedRecordError | ResponseError) else type(error).__name__
        raise DamagedRecordError(
            f"the record of job {job_id} is damaged ({why}): look for who wrote to Redis;"
            " other jobs are not touched by it"
        ) from error
