import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.scenarios.oracle import binomial, closed_form

TODAY = ql.Date(1, 3, 2013)


def american_by_quantlib(spot, strike, days, volatility, rate, dividend_yield, is_call):
    ql.Settings.instance().evaluationDate = TODAY
    day_count = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(TODAY, dividend_yield, day_count)),
        ql.YieldTermStructureHandle(ql.FlatForward(TODAY, rate, day_count)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, ql.NullCalendar(), volatility, day_count)),
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if is_call else ql.Option.Put, strike)
    option = ql.VanillaOption(payoff, ql.AmericanExercise(TODAY, TODAY + days))
    option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.accurateScheme()))
    return option.NPV()


@settings(max_examples=40, deadline=None)
@given(
    moneyness=st.floats(0.7, 1.3),
    days=st.integers(7, 500),
    volatility=st.floats(0.1, 0.8),
    rate=st.floats(0.0, 0.06),
    dividend_yield=st.floats(0.0, 0.04),
    is_call=st.booleans(),
)
def test_american_price_is_quantlibs(moneyness, days, volatility, rate, dividend_yield, is_call):
    strike = 100 * moneyness
    price, _ = binomial(
        100.0,
        np.array([strike]),
        np.array([days / 365]),
        np.array([volatility]),
        rate=rate,
        dividend_yield=dividend_yield,
        is_call=np.array([is_call]),
        american=True,
    )
    assert price[0] == pytest.approx(
        american_by_quantlib(100.0, strike, days, volatility, rate, dividend_yield, is_call), abs=0.02
    )


def test_european_tree_meets_the_closed_form_and_its_slope():
    strike = np.array([80.0, 95.0, 100.0, 105.0, 130.0])
    years = np.full(5, 0.25)
    volatility = np.full(5, 0.3)
    for is_call in (np.ones(5, dtype=bool), np.zeros(5, dtype=bool)):
        price, delta = binomial(
            100.0, strike, years, volatility, rate=0.03, dividend_yield=0.01, is_call=is_call, american=False
        )
        terms = {"rate": 0.03, "dividend_yield": 0.01, "is_call": is_call}
        assert price == pytest.approx(closed_form(100.0, strike, years, volatility, **terms), abs=1e-3)
        bump = 1e-3
        slope = (
            closed_form(100.0 + bump, strike, years, volatility, **terms)
            - closed_form(100.0 - bump, strike, years, volatility, **terms)
        ) / (2 * bump)
        assert delta == pytest.approx(slope, abs=5e-3)
