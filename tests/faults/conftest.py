"""Tests with real faults: signals, a real Redis, real sockets, the product's own processes."""

import pytest

# Its assertions are what the tests are about.
pytest.register_assert_rewrite("tests.faults.invariant", "tests.faults.faults", "tests.faults.scene")
