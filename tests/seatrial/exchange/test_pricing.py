from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from seatrial.exchange.pricing import european_price, lower_bound


@settings(max_examples=80, deadline=None)
@given(
    st.floats(1, 1000),
    st.floats(1, 1000),
    st.floats(0.003, 3),
    st.floats(0.05, 1.5),
    st.floats(-0.02, 0.1),
    st.floats(0, 0.08),
)
def test_put_call_parity_and_the_closed_form(spot, strike, years, volatility, rate, dividend_yield) -> None:
    both = [np.full(2, value) for value in (strike, years, volatility)]
    call, put = european_price(spot, *both, rate, dividend_yield, np.array([True, False]))
    forward = spot * np.exp(-dividend_yield * years) - strike * np.exp(-rate * years)
    assert call - put == pytest.approx(forward, abs=1e-9 * (spot + strike))
    deviation = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate - dividend_yield) * years) / deviation + deviation / 2
    closed = spot * np.exp(-dividend_yield * years) * norm.cdf(d1) - strike * np.exp(-rate * years) * norm.cdf(
        d1 - deviation
    )
    assert call == pytest.approx(closed, abs=1e-9 * (spot + strike))


def test_a_published_value() -> None:
    # Hull, Options, Futures, and Other Derivatives, example 15.6: 4.76 and 0.81.
    call, put = european_price(
        42.0, np.full(2, 40.0), np.full(2, 0.5), np.full(2, 0.2), 0.1, 0.0, np.array([True, False])
    )
    assert (round(call, 2), round(put, 2)) == (4.76, 0.81)


def test_at_expiry_the_payoff_is_left() -> None:
    strike = np.array([90.0, 110.0, 90.0, 110.0])
    call = np.array([True, True, False, False])
    price = european_price(100.0, strike, np.zeros(4), np.full(4, 0.3), 0.05, 0.01, call)
    np.testing.assert_allclose(price, [10, 0, 0, 10], atol=1e-6)
    np.testing.assert_allclose(lower_bound(100.0, strike, np.ones(4), 0.05, 0.0, call, american=True), [10, 0, 0, 10])
