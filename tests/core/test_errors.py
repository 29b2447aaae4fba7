import pytest

from worker.core import errors
from worker.core.errors import BulkActivateError

EXIT_CODES = {
    "BulkActivateError": 1,
    "BadInputError": 2,
    "BadSettingError": 2,
    "StateChangeError": 2,
    "PlanDiffersError": 2,
    "RequestIdTakenError": 2,
    "DamagedRecordError": 1,
    "NoSuchJobError": 5,
    "UnbalancedError": 6,
    "UnreachableError": 7,
    "RedisUnreachableError": 7,
    "ApiUnreachableError": 7,
}
FOUND: dict[str, type[BulkActivateError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type)
}


@pytest.mark.parametrize("name", EXIT_CODES)
def test_each_error_ends_a_command_with_its_code(name: str) -> None:
    assert issubclass(FOUND[name], BulkActivateError)
    assert FOUND[name].exit_code == EXIT_CODES[name]


def test_the_tree_in_the_docstring_holds_every_error() -> None:
    assert set(FOUND) == set(EXIT_CODES)
    assert all(name in (errors.__doc__ or "") for name in EXIT_CODES)
