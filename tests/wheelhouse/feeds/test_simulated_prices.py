from itertools import pairwise

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.feeds.simulated_prices import Smile, american_price, at_the_money_variance, smile_volatility

SMILES = [Smile(rho=-0.376, eta=1.156, gamma=0.341), Smile(rho=-0.396, eta=0.755, gamma=0.441)]


@pytest.mark.parametrize(("rate", "dividend_yield"), [(0.058, 0.0), (0.05, 0.03), (0.001, 0.024), (0.0006, 0.0)])
def test_prices_are_those_of_barone_adesi_and_whaley(rate: float, dividend_yield: float):
    draw = np.random.default_rng(7)
    n = 150
    strike = 100 * np.exp(draw.uniform(-0.7, 0.7, n))
    days = draw.integers(2, 730, n)
    volatility = draw.uniform(0.12, 1.0, n)
    is_call = draw.random(n) < 0.5
    price = american_price(100.0, strike, days / 365, volatility, rate, dividend_yield, is_call)
    expected = [
        _reference(*row, rate, dividend_yield)
        for row in zip(strike.tolist(), days.tolist(), volatility.tolist(), is_call.tolist(), strict=True)
    ]
    np.testing.assert_allclose(price, expected, atol=2e-3)


def _reference(strike: float, days: int, volatility: float, is_call: bool, rate: float, dividend_yield: float) -> float:
    day, count = ql.Date(2, 1, 2013), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = day
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(100.0)),
        ql.YieldTermStructureHandle(ql.FlatForward(day, dividend_yield, count)),
        ql.YieldTermStructureHandle(ql.FlatForward(day, rate, count)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(day, ql.NullCalendar(), volatility, count)),
    )
    kind = ql.Option.Call if is_call else ql.Option.Put
    option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, strike), ql.AmericanExercise(day, day + days))
    option.setPricingEngine(ql.BaroneAdesiWhaleyApproximationEngine(process))
    return float(option.NPV())


@given(st.floats(0.1, 1.1), st.floats(0.1, 1.1), st.sampled_from(SMILES))
@settings(max_examples=50)
def test_total_variance_rises_in_time_at_every_moneyness(short: float, long: float, smile: Smile):
    k = np.linspace(-1, 1, 81)
    totals = []
    for years in (2 / 365, 30 / 365, 0.25, 1.0, 2.5):
        tenor = np.full_like(k, years)
        volatility = smile_volatility(k, at_the_money_variance(tenor, short, long), tenor, smile)
        totals.append(volatility**2 * years)
    assert all((later >= earlier).all() for earlier, later in pairwise(totals))


def test_the_term_structure_starts_short_and_ends_long():
    years = np.array([1e-6, 200.0])
    volatility = np.sqrt(at_the_money_variance(years, 0.5, 0.2) / years)
    assert volatility == pytest.approx([0.5, 0.2], abs=2e-3)


def test_a_smile_that_admits_arbitrage_is_refused():
    with pytest.raises(InvalidInput, match="butterfly"):
        Smile(rho=-0.9, eta=1.2, gamma=0.4)
