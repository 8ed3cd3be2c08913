import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.pricing.black_scholes import greeks, price
from wheelhouse.pricing.implied import implied_volatility


def test_recovers_the_volatility_of_prices_computed_with_fifty_digits(exact_european):
    random = np.random.default_rng(7)
    for _ in range(300):
        years = float(np.exp(random.uniform(np.log(1e-5), np.log(10))))
        vol = float(np.exp(random.uniform(np.log(0.01), np.log(3))))
        deviations = random.uniform(0, 30)
        strike = 100.0 * np.exp(deviations * vol * np.sqrt(years))
        is_call = bool(random.random() < 0.5)
        spot, strike = (100.0, strike) if is_call else (strike, 100.0)
        value = float(exact_european(spot, strike, years, vol, 0.0, 0.0, is_call)["price"])
        found = implied_volatility(value, spot, strike, years, 0.0, 0.0, is_call)
        # One rounding of the price is all that may be lost.
        vega = 100 * float(greeks(spot, strike, years, vol, 0.0, 0.0, is_call).vega_per_vol_point)
        unknowable = 4e-16 * max(value, 0.0) / vega
        assert found.volatility == pytest.approx(vol, abs=1e-9 * max(1.0, vol) + 10 * unknowable), (strike, years, vol)


@settings(max_examples=100, deadline=None)
@given(
    moneyness=st.floats(0.3, 3.0),
    years=st.floats(1 / 525600, 10.0),
    volatility=st.floats(0.01, 4.0),
    rate=st.floats(-0.02, 0.2),
    dividend_yield=st.floats(0.0, 0.1),
    is_call=st.booleans(),
)
def test_round_trip_wherever_the_price_carries_the_information(
    moneyness, years, volatility, rate, dividend_yield, is_call
):
    strike = 100.0 * moneyness
    arguments = (100.0, strike, years, volatility, rate, dividend_yield, is_call)
    value = price(*arguments)
    vega = 100 * greeks(*arguments).vega_per_vol_point
    found = implied_volatility(value, 100.0, strike, years, rate, dividend_yield, is_call)
    if vega > 1e-3:
        assert found.volatility == pytest.approx(volatility, abs=1e-9)
    elif not np.isnan(found.volatility):
        again = price(100.0, strike, years, found.volatility, rate, dividend_yield, is_call)
        assert again == pytest.approx(value, abs=1e-12 * max(100.0, strike))


def test_says_why_there_is_none():
    # A call on 100 struck at 90 is worth at least 10 and less than 100.
    found = implied_volatility([9.99, 10.0, 100.0, 101.0, np.nan, -1.0], 100.0, 90.0, 0.5, 0.0, 0.0, True)
    assert np.isnan(found.volatility).all()
    assert found.below_intrinsic.tolist() == [True, True, False, False, False, True]
    assert found.above_maximum.tolist() == [False, False, True, True, False, False]


def test_a_zero_price_out_of_the_money_has_none():
    found = implied_volatility(0.0, 100.0, 120.0, 0.5, 0.0, 0.0, True)
    assert np.isnan(found.volatility)
    assert found.below_intrinsic


def test_noise_above_intrinsic_is_not_mistaken_for_volatility():
    # The time value, 1e-30, is lost in the rounding of the intrinsic value.
    value = price(100.0, 50.0, 0.1, 0.2, 0.03, 0.0, True)
    found = implied_volatility(value, 100.0, 50.0, 0.1, 0.03, 0.0, True)
    assert np.isnan(found.volatility)
    assert found.below_intrinsic


def test_at_the_money_it_inverts_the_error_function():
    from scipy.special import erfinv

    value, years = 4.0, 0.25
    expected = 2 * np.sqrt(2) * erfinv(value / 100.0) / np.sqrt(years)
    assert implied_volatility(value, 100.0, 100.0, years, 0.0, 0.0, False).volatility == pytest.approx(
        expected, rel=1e-13
    )


def test_without_time_or_with_nan_there_is_none():
    assert np.isnan(implied_volatility(10.0, 100.0, 90.0, 0.0, 0.0, 0.0, True).volatility)
    assert np.isnan(implied_volatility(12.0, np.nan, 90.0, 1.0, 0.0, 0.0, True).volatility)
