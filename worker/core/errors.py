"""Every error that a user can meet, on one page.

    BulkActivateError            1  unexpected
    ├── BadInputError            2  a file, an option or an id that cannot be used
    │   ├── BadSettingError      2  an environment variable, a line of ENV_FILE or a secrets file
    │   ├── StateChangeError     2  the job's state does not allow the change
    │   └── RequestIdTakenError  2  the same request id with another list
    ├── DamagedRecordError       1  what stands in Redis was not written by us, or was cut
    ├── NoSuchJobError           5
    ├── UnbalancedError          6  the record and the counters differ
    └── UnreachableError         7
        ├── RedisUnreachableError
        └── ApiUnreachableError

The number is the exit code of the command that ends by it. A message says what was expected, what was
found and what to do next, on one line, and never holds a secret.
"""

from typing import ClassVar


class BulkActivateError(Exception):
    exit_code: ClassVar[int] = 1


class BadInputError(BulkActivateError):
    exit_code = 2


class BadSettingError(BadInputError):
    pass


class StateChangeError(BadInputError):
    pass


class RequestIdTakenError(BadInputError):
    pass


class DamagedRecordError(BulkActivateError):
    pass


class NoSuchJobError(BulkActivateError):
    exit_code = 5


class UnbalancedError(BulkActivateError):
    exit_code = 6


class UnreachableError(BulkActivateError):
    exit_code = 7


class RedisUnreachableError(UnreachableError):
    pass


class ApiUnreachableError(UnreachableError):
    pass
