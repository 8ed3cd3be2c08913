import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wheelhouse.errors import InvalidInput
from wheelhouse.risk.book import Book, Line
from wheelhouse.risk.value_at_risk import delta_normal, from_losses, historical, kupiec_test, monte_carlo, normal

SHARES = Book.of([Line(underlying="XYZ", quantity=100, spot=100.0)])
PUTS = Book.of(
    [
        Line(
            underlying="XYZ",
            quantity=-5,
            spot=100.0,
            multiplier=100,
            is_option=True,
            strike=95.0,
            years=0.1,
            volatility=0.3,
            rate=0.02,
            dividend_yield=0.01,
        )
    ]
)


def test_normal_table():
    found = normal(0.0, 1.0)
    assert found.var[0.95] == pytest.approx(1.6449, abs=5e-5)
    assert found.es[0.95] == pytest.approx(2.0627, abs=5e-5)
    assert found.var[0.99] == pytest.approx(2.3263, abs=5e-5)
    assert found.es[0.99] == pytest.approx(2.6652, abs=5e-5)
    longer = normal(0.1, 1.0, horizon_days=4)
    assert longer.var[0.95] == pytest.approx(2 * 1.6449 - 0.4, abs=1e-4)


def test_order_statistics_by_hand():
    losses = np.arange(1.0, 101.0)
    # Type 7: position 99 * 0.95 = 94.05 of the sorted losses, counted from zero.
    var, es = from_losses(losses, 0.95)
    assert var == pytest.approx(95.05)
    assert es == pytest.approx(98.0)
    # Half of the fourth worst is in the worst 3.5 of 70.
    _, es = from_losses(np.arange(1.0, 71.0), 0.95)
    assert es == pytest.approx((70 + 69 + 68 + 0.5 * 67) / 3.5)


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(float, st.integers(0, 60), elements=st.floats(-1e6, 1e6)))
def test_shortfall_is_no_less_and_more_confidence_is_no_less(losses):
    var95, es95 = from_losses(losses, 0.95)
    var99, es99 = from_losses(losses, 0.99)
    slack = 1e-9 * (1 + abs(es99))
    assert es95 >= var95 - slack
    assert es99 >= var99 - slack
    assert var99 >= var95 >= 0.0
    if losses.size == 0:
        assert (var95, es95) == (0.0, 0.0)


def test_historical_reprices_in_full_and_moves_volatility_where_told():
    random = np.random.default_rng(1)
    returns = random.normal(0, 0.02, (250, 1))
    shifts = -0.5 * returns
    still, moving = historical(PUTS.revalue, returns), historical(PUTS.revalue, returns, volatility_changes=shifts)
    assert moving.var[0.95] > still.var[0.95] > 0
    assert still.var[0.95] == pytest.approx(from_losses(-PUTS.revalue(1 + returns), 0.95)[0], rel=1e-12)
    assert still.scenarios == 250
    # The loss is convex in the fall: more than the delta says.
    assert still.es[0.99] > delta_normal([0.3 * 500 * 100], returns).es[0.99] * 0.5


def test_historical_keeps_days_together_and_leaves_incomplete_ones_out():
    book = Book.of([Line(underlying=name, quantity=100, spot=100.0) for name in ("A", "B")])
    hedged = np.array([[0.1, -0.1], [-0.2, 0.2], [np.nan, 0.5], [0.05, -0.05]])
    found = historical(book.revalue, hedged)
    assert found.scenarios == 3
    assert found.var[0.99] == pytest.approx(0.0, abs=1e-9)


def test_longer_horizons_compound_consecutive_sessions():
    found = historical(SHARES.revalue, [[-0.1], [-0.1], [0.0]], horizon_days=2, confidences=(0.999,))
    assert found.scenarios == 2
    assert found.es[0.999] == pytest.approx(10_000 * (1 - 0.81))
    with pytest.raises(InvalidInput, match="2 complete sessions for a horizon of 5"):
        historical(SHARES.revalue, [[0.0], [0.0]], horizon_days=5)


def test_monte_carlo_agrees_with_the_closed_form_within_its_error_and_repeats():
    deviation = 0.02
    found = monte_carlo(SHARES.revalue, [0.0], [[deviation**2]], scenarios=20_000)
    again = monte_carlo(SHARES.revalue, [0.0], [[deviation**2]], scenarios=20_000)
    assert found == again
    for confidence, z in ((0.95, 1.6449), (0.99, 2.3263)):
        exact = 10_000 * (1 - math.exp(-z * deviation))
        assert found.standard_error is not None
        assert abs(found.var[confidence] - exact) < 4 * found.standard_error[confidence]
        assert 0 < found.standard_error[confidence] < 0.05 * exact


def test_monte_carlo_knows_correlation():
    book = Book.of([Line(underlying=name, quantity=100, spot=100.0) for name in ("A", "B")])
    apart = monte_carlo(book.revalue, [0, 0], np.eye(2) * 4e-4)
    together = monte_carlo(book.revalue, [0, 0], np.full((2, 2), 4e-4))
    assert together.var[0.95] == pytest.approx(math.sqrt(2) * apart.var[0.95], rel=0.06)


@pytest.mark.parametrize("book", [Book.of([]), Book.of([Line(underlying="A", quantity=0, spot=1.0)])])
def test_of_nothing_is_zero(book):
    n = len(book.underlyings)
    for found in (
        historical(book.revalue, np.zeros((5, n))),
        monte_carlo(book.revalue, np.zeros(n), np.zeros((n, n)), scenarios=10),
        normal(0.0, 0.0),
    ):
        assert set(found.var.values()) == set(found.es.values()) == {0.0}


def test_kupiec():
    # 250 sessions at 99 %, no exception: LR = -2 * 250 * ln 0.99 = 5.025 (Jorion, Value at Risk, table 6-2).
    none = kupiec_test(np.zeros(250), 1.0, 0.99)
    assert none.statistic == pytest.approx(5.0252, abs=1e-4)
    assert none.p_value == pytest.approx(0.02498, abs=1e-4)
    # Exactly as many as expected.
    right = kupiec_test([2.0] * 5 + [0.0] * 95, 1.0, 0.95)
    assert right.exceptions == 5
    assert right.statistic == pytest.approx(0.0, abs=1e-12)
    assert right.p_value == pytest.approx(1.0)
    assert kupiec_test([2.0] * 100, 1.0, 0.95).p_value < 1e-9
    assert math.isnan(kupiec_test([], 1.0, 0.95).p_value)
