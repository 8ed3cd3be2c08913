import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.pricing import black_scholes
from wheelhouse.pricing.american import american_greeks, american_implied_volatility, american_price

CALL, PUT = True, False


def listed(count, seed):
    """Options as they are listed: a day to three years, 5 % to 150 %, within three deviations of the money."""
    random = np.random.default_rng(seed)
    years = random.integers(1, 1100, count) / 365
    vol = np.exp(random.uniform(np.log(0.05), np.log(1.5), count))
    rate = random.choice([0.0, 0.0025, 0.01, 0.03, 0.055, -0.005], count)
    dividend_yield = random.choice([0.0, 0.0, 0.005, 0.02, 0.03, 0.08], count)
    strike = 100 * np.exp(np.clip(random.normal(0, 1.5, count) * vol * np.sqrt(years), -1.5, 1.5))
    return np.full(count, 100.0), strike, years, vol, rate, dividend_yield, random.random(count) < 0.5


def extreme(count, seed):
    """Up to ten years, 3 % to 200 %, rates and yields up to 20 %."""
    random = np.random.default_rng(seed)
    years = np.round(np.exp(random.uniform(0, np.log(3650), count))) / 365
    vol = np.exp(random.uniform(np.log(0.03), np.log(2), count))
    rate = random.choice([0.0, 0.001, 0.01, 0.05, 0.1, 0.2, -0.01], count)
    dividend_yield = random.choice([0.0, 0.001, 0.02, 0.05, 0.1, 0.2], count)
    strike = 100 * np.exp(np.clip(random.normal(0, 1, count) * vol * np.sqrt(years), -1.5, 1.5))
    return np.full(count, 100.0), strike, years, vol, rate, dividend_yield, random.random(count) < 0.5


def test_agrees_with_quantlib_on_listed_options(quantlib_american):
    options = listed(400, 11)
    error = np.abs(american_price(*options) - quantlib_american(*options))
    assert (error <= 3e-6 * np.maximum(options[0], options[1])).all()
    assert np.quantile(error, 0.9) < 3e-5


def test_agrees_with_quantlib_far_outside(quantlib_american):
    options = extreme(400, 12)
    error = np.abs(american_price(*options) - quantlib_american(*options))
    assert (error <= 2e-5 * np.maximum(options[0], options[1])).all()


def test_table_of_andersen_lake_and_offengenden():
    # Table 2 of the paper: K = S = 100, T = 1, r = q = 5 %, volatility 25 %: European 9.4793..., premium 0.106952702747.
    european = black_scholes.price(100.0, 100.0, 1.0, 0.25, 0.05, 0.05, PUT)
    american = american_price(100.0, 100.0, 1.0, 0.25, 0.05, 0.05, PUT)
    assert american - european == pytest.approx(0.106952702747, abs=2e-6)


ordinary = {
    "moneyness": st.floats(0.5, 2.0),
    "years": st.floats(0.003, 5.0),
    "volatility": st.floats(0.05, 1.5),
    "rate": st.floats(0.0, 0.15),
    "dividend_yield": st.floats(0.0, 0.1),
}


@settings(max_examples=100, deadline=None)
@given(**ordinary, is_call=st.booleans())
def test_is_worth_at_least_the_european_and_the_intrinsic(moneyness, years, volatility, rate, dividend_yield, is_call):
    arguments = (100.0, 100.0 * moneyness, years, volatility, rate, dividend_yield, is_call)
    value = american_price(*arguments)
    intrinsic = max(100.0 - 100.0 * moneyness if is_call else 100.0 * moneyness - 100.0, 0.0)
    assert value >= intrinsic
    assert value >= black_scholes.price(*arguments) - 1e-4 * (1 + moneyness)
    assert value <= (100.0 if is_call else 100.0 * moneyness)


@settings(max_examples=60, deadline=None)
@given(**ordinary)
def test_a_call_is_a_put_seen_in_the_mirror(moneyness, years, volatility, rate, dividend_yield):
    call = american_price(100.0, 100.0 * moneyness, years, volatility, rate, dividend_yield, CALL)
    put = american_price(100.0 * moneyness, 100.0, years, volatility, dividend_yield, rate, PUT)
    assert call == pytest.approx(put, rel=1e-12, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(**ordinary, is_call=st.booleans())
def test_more_time_and_more_volatility_are_worth_more(moneyness, years, volatility, rate, dividend_yield, is_call):
    strike = 100.0 * moneyness
    values = american_price(
        100.0,
        strike,
        [years, 1.2 * years, years],
        [volatility, volatility, 1.1 * volatility],
        rate,
        dividend_yield,
        is_call,
    )
    assert values[1] >= values[0] - 2e-4 * (1 + moneyness)
    assert values[2] >= values[0] - 2e-4 * (1 + moneyness)


def test_a_call_without_dividends_and_a_put_without_interest_are_european():
    call = (100.0, np.linspace(50, 150, 11), 1.0, 0.3, 0.05, 0.0, CALL)
    put = (100.0, np.linspace(50, 150, 11), 1.0, 0.3, 0.0, 0.04, PUT)
    for arguments in (call, put):
        assert american_price(*arguments).tolist() == black_scholes.price(*arguments).tolist()
        assert american_greeks(*arguments).delta.tolist() == black_scholes.greeks(*arguments).delta.tolist()


def test_without_volatility_one_exercises_at_the_best_moment():
    # r > q: the forward rises, so a put is best exercised now and a call in the money at expiry.
    assert american_price(90.0, 100.0, 1.0, 0.0, 0.05, 0.0, PUT) == 10.0
    expected = 110.0 * np.exp(-0.01) - 100.0 * np.exp(-0.05)
    assert american_price(110.0, 100.0, 1.0, 0.0, 0.05, 0.01, CALL) == pytest.approx(expected, rel=1e-14)
    # d/dt (K e^-rt - S e^-qt) = 0 at t = ln(rK / qS) / (r - q) when q > r.
    turn = np.log(0.02 * 100 / (0.03 * 95)) / (0.02 - 0.03)
    best = 100 * np.exp(-0.02 * turn) - 95 * np.exp(-0.03 * turn)
    assert american_price(95.0, 100.0, 50.0, 0.0, 0.02, 0.03, PUT) == pytest.approx(best, rel=1e-13)


def test_at_expiry_it_is_the_intrinsic_value():
    assert american_price([90.0, 110.0], 100.0, 0.0, 0.3, 0.05, 0.01, PUT).tolist() == [10.0, 0.0]


def test_two_exercise_boundaries_are_refused_and_nan_spoils_nothing_else():
    values = american_price(100.0, 100.0, 1.0, [0.2, np.nan, 0.2], [-0.01, 0.03, 0.03], [-0.05, 0.0, 0.0], PUT)
    assert np.isnan(values[:2]).all()
    assert values[2] > 0
    found = american_greeks(100.0, 100.0, 1.0, [0.2, np.nan, 0.2], [-0.01, 0.03, 0.03], [-0.05, 0.0, 0.0], PUT)
    assert np.isnan(found.gamma[:2]).all()


def test_greeks_are_the_differences_of_quantlibs_values(quantlib_american):
    spot, strike, years, _, rate, _, is_call = options = listed(80, 13)
    found = american_greeks(*options)
    value = quantlib_american(*options)
    # Where the spot is within a step of the boundary a difference across it measures nothing.
    intrinsic = np.where(is_call, spot - strike, strike - spot)
    smooth = (value - intrinsic > 5e-3) & (value > 1e-3) & (years > 3 / 365)

    def shifted(step, **moves):
        named = dict(zip(("spot", "strike", "years", "vol", "rate", "dividend_yield", "is_call"), options, strict=True))
        for name, size in moves.items():
            named[name] = named[name] + step * size
        return quantlib_american(*named.values())

    def slope(name, size):
        return (shifted(1, **{name: size}) - shifted(-1, **{name: size})) / (2 * size)

    gamma = (shifted(1, spot=0.05) - 2 * value + shifted(-1, spot=0.05)) / 0.05**2
    assert found.delta[smooth] == pytest.approx(slope("spot", 0.05)[smooth], abs=1e-3)
    assert found.gamma[smooth] == pytest.approx(gamma[smooth], abs=2e-3, rel=0.01)
    assert found.vega_per_vol_point[smooth] == pytest.approx(slope("vol", 1e-3)[smooth] / 100, abs=5e-4)
    # At a rate of zero early exercise begins to pay, and rho has two sides.
    two_sided = smooth & (rate != 0.0)
    assert found.rho_per_rate_point[two_sided] == pytest.approx(slope("rate", 1e-4)[two_sided] / 100, abs=5e-4)
    assert found.theta_per_day[smooth] == pytest.approx(-slope("years", 1 / 365)[smooth] / 365, abs=3e-3, rel=0.05)


def test_in_the_exercise_region_an_option_moves_with_its_intrinsic_value():
    found = american_greeks([40.0, 400.0], 100.0, 0.5, 0.2, 0.05, 0.05, [PUT, CALL])
    assert found.delta.tolist() == [-1.0, 1.0]
    for name in ("gamma", "theta_per_day", "vega_per_vol_point", "rho_per_rate_point"):
        assert getattr(found, name).tolist() == [0.0, 0.0]


def test_implied_volatility_recovers_quantlibs(quantlib_american):
    spot, strike, years, vol, rate, dividend_yield, is_call = options = listed(300, 14)
    value = quantlib_american(*options)
    found = american_implied_volatility(value, spot, strike, years, rate, dividend_yield, is_call)
    vega = 100 * american_greeks(*options).vega_per_vol_point
    informative = vega > 1.0
    assert informative.sum() > 150
    assert found.volatility[informative] == pytest.approx(vol[informative], abs=1e-4)


@pytest.mark.parametrize("options", [listed(400, 15), extreme(400, 16)], ids=["listed", "extreme"])
def test_implied_volatility_reprices(options):
    spot, strike, years, vol, rate, dividend_yield, is_call = options
    value = american_price(*options)
    found = american_implied_volatility(value, spot, strike, years, rate, dividend_yield, is_call)
    solved = np.isfinite(found.volatility)
    assert (solved | found.below_intrinsic | found.above_maximum).all()
    again = american_price(spot, strike, years, np.where(solved, found.volatility, vol), rate, dividend_yield, is_call)
    assert again[solved] == pytest.approx(value[solved], abs=2e-5)


def test_a_price_at_intrinsic_carries_no_volatility():
    found = american_implied_volatility([20.0, 19.0, 20.5, 120.0], 100.0, 120.0, 0.25, 0.05, 0.0, PUT)
    assert found.below_intrinsic.tolist() == [True, True, False, False]
    assert found.above_maximum.tolist() == [False, False, False, True]
    assert np.isnan(found.volatility).tolist() == [True, True, False, True]


@pytest.mark.parametrize("shared", [True, False])
def test_a_great_many_at_once_are_worth_what_each_is_alone(shared):
    random = np.random.default_rng(17)
    spot = 100 * np.exp(random.normal(0, 0.05, (400, 1)))
    strike, years = np.linspace(80, 120, 12), np.linspace(0.05, 1.0, 12)
    volatility = np.linspace(0.2, 0.4, 12) if shared else random.uniform(0.2, 0.4, (400, 12))
    together = american_price(spot, strike, years, volatility, 0.03, 0.02, np.arange(12) % 2 == 0)
    for row in (0, 171, 399):
        own = volatility if shared else volatility[row]
        alone = american_price(spot[row], strike, years, own, 0.03, 0.02, np.arange(12) % 2 == 0)
        assert together[row] == pytest.approx(alone, rel=1e-13)
