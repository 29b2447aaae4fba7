"""Which messages say that a token is active already."""

import re

import pytest

from worker.core.answers.meaning import DEFAULT_ALREADY_ACTIVE, compile_already_active
from worker.core.retrying.policy import Policy


@pytest.mark.parametrize(
    "message",
    [
        "Token is already active",
        "Already activated",
        "ALREADY ACTIVE",
        "The token has already been activated.",
        "already been enabled",
        "token already  enabled",
    ],
)
def test_these_say_that_a_token_is_active_already(message: str) -> None:
    assert Policy().already_active.search(message)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("Token is not already active", id="a denial"),
        pytest.param("Token isn't already active", id="a denial, contracted"),
        pytest.param("It has not already been activated", id="a denial in the perfect"),
        pytest.param("already", id="the word alone"),
        pytest.param("A request is already in progress", id="something else already"),
        pytest.param("already deactivated", id="the opposite"),
        pytest.param("already inactive", id="the opposite, as an adjective"),
        pytest.param("Token has already expired", id="expired"),
        pytest.param("already activating", id="under way"),
        pytest.param("token is inactive", id="inactive"),
        pytest.param("", id="nothing"),
    ],
)
def test_these_do_not(message: str) -> None:
    assert not Policy().already_active.search(message)


def test_patterns_of_ones_own_replace_the_list() -> None:
    pattern = compile_already_active(["schon aktiv", "ya está|déjà"])
    assert pattern.search("Token SCHON AKTIV!")
    assert pattern.search("déjà activé")
    assert not pattern.search("already active")


def test_no_pattern_matches_nothing() -> None:
    assert not compile_already_active([]).search("already active")


@pytest.mark.parametrize("pattern", ["(", "*", "(?<!a+)b"])
def test_a_broken_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(re.error):
        compile_already_active([*DEFAULT_ALREADY_ACTIVE, pattern])
