"""Every error that a user can see, on one page.

    BulkActivateError            1  unexpected
    ├── BadInputError            2  an unusable file, option or id
    │   ├── BadSettingError      2  an environment variable, a line of ENV_FILE or a secrets file
    │   ├── StateChangeError     2  the job's state does not allow the change
    │   ├── PlanDiffersError     2  the list, or how it is read, is not what was planned
    │   └── RequestIdTakenError  2  the request id was used for another list
    ├── DamagedRecordError       1  data in Redis was forged, damaged or truncated
    ├── NoSuchJobError           5
    ├── UnbalancedError          6  the outcomes and the counters differ
    └── UnreachableError         7
        ├── RedisUnreachableError
        └── ApiUnreachableError

The number is the exit code of a command that ends with the error. A message says on one line what was
expected, what was found and what to do next, and never contains a secret.
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


class PlanDiffersError(BadInputError):
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
