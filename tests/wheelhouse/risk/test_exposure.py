import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.risk.exposure import Holding, exposure


def put(quantity, **changes):
    values = {
        "symbol": "XYZ   130420P00050000",
        "underlying": "XYZ",
        "quantity": quantity,
        "multiplier": 100,
        "is_option": True,
        "spot": 50.0,
        "delta": -0.5,
        "gamma": 0.04,
        "theta_per_day": -0.02,
        "vega_per_vol_point": 0.05,
        "beta": 1.5,
    }
    return Holding(**(values | changes))


def shares(quantity, spot=50.0, beta=1.5):
    return Holding(
        symbol="XYZ", underlying="XYZ", quantity=quantity, multiplier=1, is_option=False, spot=spot, beta=beta
    )


def test_two_long_puts_of_delta_minus_one_half_are_short_a_hundred_shares():
    assert exposure([put(2)]).delta_shares == -100.0


def test_units():
    found = exposure([put(-3), shares(100)])
    assert found.delta_shares == 250.0
    assert found.dollar_delta == 12_500.0
    assert found.beta_weighted_delta == 18_750.0
    assert found.gamma == -12.0
    # A move of 1 % is 0.50, which changes delta by 6 shares of 50.
    assert found.dollar_gamma == pytest.approx(-300.0)
    assert found.theta_per_day == pytest.approx(6.0)
    assert found.vega_per_vol_point == pytest.approx(-15.0)
    assert exposure([put(-3), shares(100)], benchmark_spot=150.0).beta_weighted_delta == pytest.approx(125.0)


@given(st.lists(st.tuples(st.integers(-50, 50), st.floats(-1, 1)), max_size=6))
def test_is_linear_and_long_plus_short_is_nothing(positions):
    longs = [put(quantity, delta=delta) for quantity, delta in positions]
    shorts = [put(-quantity, delta=delta) for quantity, delta in positions]
    both = exposure(longs + shorts)
    assert both.delta_shares == both.gamma == both.vega_per_vol_point == both.theta_per_day == 0.0
    assert exposure(longs + longs).dollar_delta == pytest.approx(2 * exposure(longs).dollar_delta)


def test_what_is_unknown_is_named_and_not_zero():
    found = exposure([put(-3, delta=math.nan, gamma=math.nan), shares(100)])
    assert math.isnan(found.delta_shares)
    assert found.unknown == ("XYZ   130420P00050000",)
    assert found.theta_per_day == pytest.approx(6.0)
    assert exposure([]).delta_shares == 0.0
