from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from wheelhouse.errors import InvalidInput
from wheelhouse.pricing import black_scholes
from wheelhouse.pricing.smile import constant_maturity, skew, strike_at_delta, volatility_standing
from wheelhouse.pricing.ssvi import Ssvi
from wheelhouse.pricing.surface import SurfaceSlice


def slice_of(rho=-0.376, years=0.25, level=0.27, eta=1.156):
    return SurfaceSlice(
        expiry=date(2013, 6, 21),
        years=years,
        forward=100.0,
        discount=1.0,
        rate=0.0,
        dividend_yield=0.0,
        smile=Ssvi(rho=rho, eta=eta, gamma=0.4).slice(level**2 * years),
        quotes_used=20,
        rmse_vol_points=0.1,
    )


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 0.99), st.booleans(), st.floats(-0.7, 0.7), st.floats(0.01, 2.0), st.floats(0.1, 1.0))
def test_a_strike_has_the_delta_that_it_was_asked_for(delta, is_call, rho, years, level):
    smile = slice_of(rho=rho, years=years, level=level, eta=1.0)
    strike = strike_at_delta(smile, delta, is_call=is_call)
    greeks = black_scholes.greeks(100.0, strike, years, smile.volatility(strike), 0.0, 0.0, is_call)
    assert abs(float(greeks.delta)) == pytest.approx(delta, abs=1e-9)


def test_a_flat_smile_has_no_skew():
    flat = slice_of(rho=0.0, eta=1e-9)
    found = skew(flat)
    assert found.risk_reversal == pytest.approx(0.0, abs=1e-9)
    assert found.butterfly == pytest.approx(0.0, abs=1e-9)
    # ln(K / F) = w / 2 -+ sqrt(w) N^-1(delta) in closed form.
    deviation = 0.27 * np.sqrt(0.25)
    assert found.call_strike == pytest.approx(100 * np.exp(deviation**2 / 2 - deviation * norm.ppf(0.25)), rel=1e-7)
    assert found.put_strike == pytest.approx(100 * np.exp(deviation**2 / 2 + deviation * norm.ppf(0.25)), rel=1e-7)


def test_an_equity_smile_leans_to_puts():
    smile = slice_of()
    found = skew(smile)
    assert found.put_strike < 100 < found.call_strike
    assert found.risk_reversal < 0 < found.butterfly
    assert found.risk_reversal == found.call_volatility - found.put_volatility
    assert found.butterfly == (found.call_volatility + found.put_volatility) / 2 - smile.atm_volatility
    step = 1e-5
    rise = smile.volatility(100 * np.exp([step, -step]))
    assert found.slope == pytest.approx((rise[0] - rise[1]) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("delta", [0.0, 1.0, -0.25, float("nan")])
def test_refuses_what_is_no_delta(delta):
    with pytest.raises(InvalidInput, match="absolute delta"):
        strike_at_delta(slice_of(), delta, is_call=True)


def test_total_variance_is_interpolated():
    # By hand: 20 days at 20 %, 40 days at 30 %; at 30 days the mean of 0.04 x 20 and 0.09 x 40 is 2.2 over 30.
    found = constant_maturity(np.array([20, 40]) / 365, [0.2, 0.3], 30 / 365)
    assert float(found) == pytest.approx(np.sqrt(2.2 / 30))


def test_a_flat_term_structure_stays_flat_and_nothing_is_extrapolated():
    found = constant_maturity([0.1, 0.2, 0.5], [0.25, 0.25, 0.25], [0.05, 0.1, 0.3, 0.5, 0.6])
    assert found == pytest.approx([np.nan, 0.25, 0.25, 0.25, np.nan], nan_ok=True)
    assert np.isnan(constant_maturity([], [], 0.1))


@pytest.mark.parametrize("years", [[0.2, 0.1], [0.0, 0.1], [0.1, np.nan]])
def test_refuses_times_out_of_order(years):
    with pytest.raises(InvalidInput, match="not positive and ascending"):
        constant_maturity(years, [0.2, 0.2], 0.15)


def test_rank_and_percentile_are_different_numbers():
    # A calm year with one spike to 100 %: the rank stays low, the percentile does not.
    history = [0.20] * 150 + [1.00] + [0.22] * 101
    found = volatility_standing(history, 0.24)
    assert found.rank == pytest.approx((0.24 - 0.20) / (1.00 - 0.20))
    assert found.percentile == pytest.approx(251 / 252)
    assert (found.low, found.high, found.observations) == (0.20, 1.00, 252)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.05, 2.0), min_size=20, max_size=300), st.floats(0.01, 3.0))
def test_standing_stays_within_its_bounds(history, current):
    found = volatility_standing(history, current)
    assert found.percentile is not None
    assert 0 <= found.percentile <= 1
    assert found.rank is None or 0 <= found.rank <= 1
    window = history[-252:]
    if current > max(window):
        assert (found.rank, found.percentile) == (1.0, 1.0)
    if current < min(window):
        assert (found.rank, found.percentile) == (0.0, 0.0)


def test_only_the_last_sessions_count_and_unknown_ones_do_not():
    found = volatility_standing([9.0, *[0.2] * 30, np.nan, 0.3], 0.25, sessions=32)
    assert (found.high, found.observations) == (0.3, 31)
    assert found.rank == pytest.approx(0.5)


@pytest.mark.parametrize(("history", "current"), [([], 0.2), ([0.2] * 19, 0.2), ([0.2] * 30, np.nan)])
def test_too_little_is_undefined(history, current):
    found = volatility_standing(history, current)
    assert (found.rank, found.percentile) == (None, None)


def test_a_history_that_never_moved_has_no_rank():
    found = volatility_standing([0.2] * 30, 0.2)
    assert (found.rank, found.percentile) == (None, 0.0)
