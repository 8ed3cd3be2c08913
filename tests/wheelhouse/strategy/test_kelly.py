import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from wheelhouse.errors import InvalidInput
from wheelhouse.strategy.kelly import kelly_fraction, short_put_returns, terminal_prices


@settings(deadline=None)
@given(wins=st.integers(1, 99), odds=st.floats(0.1, 5.0), loss=st.floats(0.1, 1.0))
def test_two_outcomes_have_a_closed_form(wins, odds, loss):
    p = wins / 100
    outcomes = [odds] * wins + [-loss] * (100 - wins)
    expected = max(0.0, p / loss - (1 - p) / odds)
    assert kelly_fraction(outcomes, worst=-loss) == pytest.approx(expected, abs=1e-6, rel=1e-6)


def test_a_short_put_under_a_lognormal_price_agrees_with_quadrature():
    spot, strike, sigma, years, credit = 100.0, 95.0, 0.20, 0.25, 2.6
    drift = -0.5 * sigma * sigma * years

    def slope(f):
        def integrand(z):
            price = spot * math.exp(drift + sigma * math.sqrt(years) * z)
            r = (credit - max(strike - price, 0.0)) / strike
            return r / (1 + f * r) * math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)

        kink = (math.log(strike / spot) - drift) / (sigma * math.sqrt(years))
        return quad(integrand, -9, kink)[0] + quad(integrand, kink, 9)[0]

    ruin = 1.0 / (1.0 - credit / strike)
    expected = ruin if slope(ruin) > 0 else brentq(slope, 0.0, ruin)
    z = (np.arange(200_000) + 0.5) / 200_000
    from scipy.special import ndtri

    outcomes = short_put_returns(
        spot * np.exp(drift + sigma * math.sqrt(years) * ndtri(z)), strike=strike, credit=credit
    )
    assert kelly_fraction(outcomes, worst=credit / strike - 1) == pytest.approx(min(expected, ruin), rel=2e-3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-0.9, 0.5), min_size=2, max_size=30))
def test_no_other_fraction_grows_faster(outcomes):
    best = kelly_fraction(outcomes, worst=-1.0)
    r = np.array(outcomes)

    def growth(f):
        return float(np.mean(np.log1p(f * r)))

    assert 0.0 <= best < 1.0
    for other in (0.0, best * 0.9, min(best * 1.1, 0.999), 0.5):
        assert growth(best) >= growth(other) - 1e-12


def test_a_bet_without_an_edge_is_not_made_and_ruin_is_never_risked():
    assert kelly_fraction([0.1, -0.1], worst=-1.0) == 0.0
    assert kelly_fraction([0.01, 0.02], worst=-0.97) == pytest.approx(1 / 0.97)


def test_moments_overbet_a_short_option():
    outcomes = np.array([0.03] * 97 + [-0.60] * 3)
    by_moments = outcomes.mean() / outcomes.var()
    assert kelly_fraction(outcomes, worst=-1.0) < by_moments


@pytest.mark.parametrize(("outcomes", "worst"), [([], -1.0), ([math.nan], -1.0), ([0.1], 0.0)])
def test_what_makes_no_bet_is_refused(outcomes, worst):
    with pytest.raises(InvalidInput):
        kelly_fraction(outcomes, worst=worst)


def test_drawn_prices_have_the_forward_as_mean_the_past_as_volatility_and_repeat_themselves():
    past = np.random.default_rng(4).standard_t(4, 800) * 0.01 + 0.003
    drawn = terminal_prices(50.0, past, years=0.25, growth=0.04)
    assert drawn.mean() == pytest.approx(50.0 * math.exp(0.01), rel=1e-12)
    assert np.log(drawn).std() == pytest.approx(past.std() * math.sqrt(63), rel=0.03)
    assert (drawn == terminal_prices(50.0, past, years=0.25, growth=0.04)).all()
    assert (drawn != terminal_prices(50.0, past, years=0.25, growth=0.04, seed=1)).any()
    with pytest.raises(InvalidInput):
        terminal_prices(50.0, [], years=0.25, growth=0.0)


def test_a_short_put_loses_below_its_breakeven():
    assert short_put_returns([100.0, 95.0, 90.0, 0.0], strike=95.0, credit=2.0) == pytest.approx(
        [2 / 95, 2 / 95, -3 / 95, -93 / 95]
    )
