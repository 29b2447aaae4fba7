from worker.core.outcome import AT_REST, BY_CODE, CODES, COUNTED, FINAL, SUCCEEDED, UNSUCCESSFUL, Outcome


def test_every_outcome_of_an_id_has_a_character_of_its_own() -> None:
    assert set(CODES) == set(Outcome) - {Outcome.SKIPPED}
    assert all(len(code) == 1 and code.isascii() and code.isprintable() for code in CODES.values())
    assert {BY_CODE[code]: code for code in BY_CODE} == CODES


def test_final_outcomes_are_those_that_succeeded_and_those_that_did_not() -> None:
    assert FINAL == SUCCEEDED | UNSUCCESSFUL
    assert not SUCCEEDED & UNSUCCESSFUL


def test_at_rest_nothing_moves() -> None:
    assert set(AT_REST) == set(COUNTED) - FINAL
    assert set(AT_REST.values()) <= UNSUCCESSFUL
