import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.access.lifetime import MARGIN, renew_after


@pytest.mark.parametrize(
    ("expires_in", "after"),
    [
        pytest.param(1799.0, 1739.0, id="half an hour is renewed a minute early"),
        pytest.param(180.0, 120.0, id="three minutes: both margins agree"),
        pytest.param(90.0, 60.0, id="a short life is renewed after two thirds"),
        pytest.param(3.0, 2.0, id="seconds too"),
        pytest.param(0.0, 0.0, id="a dead token at once"),
        pytest.param(-5.0, 0.0, id="one dead for long at once"),
        pytest.param(float("nan"), 0.0, id="what is no number at once"),
    ],
)
def test_the_margin_shrinks_with_the_lifetime(expires_in: float, after: float) -> None:
    assert renew_after(expires_in) == pytest.approx(after)


@given(st.floats(0.001, 1e9))
def test_a_token_is_used_for_a_while_and_never_past_its_end(expires_in: float) -> None:
    after = renew_after(expires_in)
    assert 0 < after < expires_in
    assert expires_in - after <= MARGIN * (1 + 1e-9)
