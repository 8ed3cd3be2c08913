from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.exchange.arbitrage import Market, highest_bids
from seatrial.exchange.pricing import european_price, lower_bound

STRIKES = np.array([80.0, 90.0, 95.0, 100.0, 105.0, 120.0])


def grid(years: list[float]):
    strike, left, call = (np.ravel(axis) for axis in np.meshgrid(STRIKES, years, [True, False], indexing="ij"))
    return strike, left, call.astype(bool)


def random_asks(seed: int, market: Market, years: list[float]):
    strike, left, call = grid(years)
    random = np.random.default_rng(seed)
    fair = european_price(
        market.spot, strike, left, np.full(len(strike), 0.3), market.rate, market.dividend_yield, call
    )
    floor = lower_bound(market.spot, strike, left, market.rate, market.dividend_yield, call, american=market.american)
    return strike, left, call, np.maximum(fair * random.uniform(0.6, 1.4, len(fair)), floor) + 0.01


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(-0.02, 0.08), st.floats(0.0, 0.05), st.floats(0.02, 2.0))
def test_no_portfolio_of_one_expiry_is_a_free_lunch(
    cheapest_free_lunch, seed: int, rate: float, dividend_yield: float, years: float
) -> None:
    market = Market(spot=100.0, rate=rate, dividend_yield=dividend_yield, american=False)
    strike, left, call, ask = random_asks(seed, market, [years])
    bid = highest_bids(market, strike, left, call, ask)
    assert np.all(bid <= ask)
    cost = cheapest_free_lunch(
        strike, call, bid, ask, spot=100.0, years=years, rate=rate, dividend_yield=dividend_yield
    )
    assert cost >= -1e-6


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_the_bids_are_as_high_as_they_can_be(cheapest_free_lunch, seed: int) -> None:
    market = Market(spot=100.0, rate=0.03, dividend_yield=0.01, american=False)
    strike, left, call, ask = random_asks(seed, market, [0.5])
    highest = highest_bids(market, strike, left, call, ask)
    for place in np.flatnonzero(highest < ask - 0.05):
        bid = np.zeros(len(ask))
        bid[place] = highest[place] + 0.02
        cost = cheapest_free_lunch(strike, call, bid, ask, spot=100.0, years=0.5, rate=0.03, dividend_yield=0.01)
        assert cost < -0.005


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.0, 0.08), st.floats(0.0, 0.05))
def test_american_combinations_gain_nothing(american_arbitrages, seed: int, rate: float, dividend_yield: float) -> None:
    market = Market(spot=100.0, rate=rate, dividend_yield=dividend_yield, american=True)
    strike, left, call, ask = random_asks(seed, market, [0.05, 0.5])
    bid = highest_bids(market, strike, left, call, ask)
    assert not american_arbitrages(strike, left, call, bid, ask, spot=100.0, rate=rate, dividend_yield=dividend_yield)


@pytest.mark.parametrize("american", [True, False])
def test_fair_prices_need_no_repair(american: bool) -> None:
    market = Market(spot=100.0, rate=0.0, dividend_yield=0.0, american=american)
    strike, left, call = grid([0.05, 0.5, 1.5])
    fair = european_price(100.0, strike, left, np.full(len(strike), 0.3), 0.0, 0.0, call)
    np.testing.assert_allclose(highest_bids(market, strike, left, call, fair), fair, atol=1e-9)


def test_a_european_calendar_counts_the_carry() -> None:
    market = Market(spot=100.0, rate=0.05, dividend_yield=0.0, american=False)
    strike, years, call = np.array([100.0, 100.0]), np.array([0.1, 1.0]), np.array([True, True])
    # A later call at the same strike is worth no less where the stock pays nothing.
    bound = highest_bids(market, strike, years, call, np.array([9.0, 6.0]))
    assert bound[0] <= 6.0
