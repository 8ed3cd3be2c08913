import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.pricing.black_scholes import greeks, price, probability_itm

GREEKS = ("delta", "gamma", "theta_per_day", "vega_per_vol_point", "rho_per_rate_point")


def corners(count=400, seed=20130301):
    """Options from a second to thirty years, 0.1 % to 500 % volatility, up to 40 deviations from the money."""
    random = np.random.default_rng(seed)
    spot = random.choice([0.01, 1.0, 100.0, 5000.0], count) * np.exp(random.normal(0, 0.01, count))
    years = np.exp(random.uniform(np.log(3e-8), np.log(30), count))
    vol = np.exp(random.uniform(np.log(1e-3), np.log(5), count))
    rate = random.choice([0.0, 0.05, -0.02, 0.2], count)
    dividend_yield = random.choice([0.0, 0.03, 0.1], count)
    distance = random.normal(0, 1, count) * random.choice([0, 1e-6, 1e-2, 0.1, 1, 10], count)
    drift = (rate - dividend_yield) * years * random.integers(0, 2, count)
    strike = spot * np.exp(distance * vol * np.sqrt(years) + drift)
    return spot, strike, years, vol, rate, dividend_yield, random.random(count) < 0.5


def test_agrees_with_fifty_digits_in_every_corner(exact_european):
    inputs = corners()
    found = {"price": price(*inputs), "probability_itm": probability_itm(*inputs)}
    sensitivities = greeks(*inputs)
    found.update({name: getattr(sensitivities, name) for name in GREEKS})
    for i, row in enumerate(zip(*inputs, strict=True)):
        for name, exact in exact_european(*row).items():
            error = float(abs(found[name][i] - exact))
            allowed = max(1e-10 * float(abs(exact)), 1e-14 * row[0])
            assert error <= allowed, (name, row, found[name][i], float(exact))


@pytest.mark.parametrize("is_call", [True, False])
def test_keeps_its_digits_where_an_option_is_nearly_worthless(exact_european, is_call):
    for deviations in (5.0, 10.0, 20.0, 35.0):
        strike = 100.0 * np.exp((deviations if is_call else -deviations) * 0.05)
        value = price(100.0, strike, 0.25, 0.1, 0.0, 0.0, is_call)
        exact = float(exact_european(100.0, strike, 0.25, 0.1, 0.0, 0.0, is_call)["price"])
        assert value == pytest.approx(exact, rel=1e-11, abs=0.0)


ordinary = {
    "spot": st.floats(1.0, 1000.0),
    "moneyness": st.floats(0.5, 2.0),
    "years": st.floats(0.003, 5.0),
    "volatility": st.floats(0.05, 1.5),
    "rate": st.floats(-0.02, 0.15),
    "dividend_yield": st.floats(0.0, 0.1),
}


@settings(max_examples=100, deadline=None)
@given(**ordinary)
def test_call_less_put_is_the_forward_contract(spot, moneyness, years, volatility, rate, dividend_yield):
    strike = spot * moneyness
    call, put = (price(spot, strike, years, volatility, rate, dividend_yield, c) for c in (True, False))
    forward = spot * np.exp(-dividend_yield * years) - strike * np.exp(-rate * years)
    assert call - put == pytest.approx(forward, abs=1e-12 * (spot + strike))


@settings(max_examples=100, deadline=None)
@given(**ordinary, is_call=st.booleans())
def test_greeks_are_the_derivatives_of_the_price(spot, moneyness, years, volatility, rate, dividend_yield, is_call):
    strike = spot * moneyness
    found = greeks(spot, strike, years, volatility, rate, dividend_yield, is_call)

    def slope(name, step):
        point = {"s": spot, "t": years, "v": volatility, "r": rate}
        values = []
        for direction in (1, -1):
            moved = {**point, name: point[name] + direction * step}
            values.append(price(moved["s"], strike, moved["t"], moved["v"], moved["r"], dividend_yield, is_call))
        return (values[0] - values[1]) / (2 * step)

    scale = spot + strike
    assert found.delta == pytest.approx(slope("s", 1e-4 * spot), abs=1e-4)
    assert 100 * found.vega_per_vol_point == pytest.approx(slope("v", 1e-4), abs=2e-4 * scale)
    assert 100 * found.rho_per_rate_point == pytest.approx(slope("r", 1e-4), abs=2e-4 * scale)
    assert -365 * found.theta_per_day == pytest.approx(slope("t", 1e-4 * years), abs=2e-3 * scale)


def test_without_time_it_is_the_intrinsic_value_and_delta_a_step():
    calls = price([90.0, 100.0, 110.0], 100.0, 0.0, 0.3, 0.05, 0.02, True)
    assert calls.tolist() == [0.0, 0.0, 10.0]
    found = greeks([90.0, 100.0, 110.0], 100.0, 0.0, 0.3, 0.05, 0.02, True)
    assert found.delta.tolist() == [0.0, 0.5, 1.0]
    assert found.gamma[[0, 2]].tolist() == [0.0, 0.0]
    assert np.isnan(found.gamma[1])
    assert np.isnan(found.theta_per_day[1])
    assert found.vega_per_vol_point.tolist() == [0.0, 0.0, 0.0]


def test_without_volatility_it_is_the_forward_discounted():
    value = price(100.0, 90.0, 2.0, 0.0, 0.05, 0.02, True)
    assert value == pytest.approx(100 * np.exp(-0.04) - 90 * np.exp(-0.1), rel=1e-14)
    assert price(100.0, 90.0, 2.0, 0.0, 0.05, 0.02, False) == 0.0


# Rates and yields, the last two, may be negative.
@pytest.mark.parametrize(
    ("position", "bad"), [(i, bad) for i in range(6) for bad in (np.nan, np.inf, -1.0) if bad != -1.0 or i < 4]
)
def test_what_cannot_be_priced_is_nan_and_spoils_nothing_else(position, bad):
    arguments = [np.full(2, x) for x in (100.0, 95.0, 0.5, 0.2, 0.03, 0.01)]
    whole = price(*arguments, False)[1]
    arguments[position][0] = bad
    values = price(*arguments, False)
    assert np.isnan(values[0])
    assert values[1] == whole
    assert np.isnan(greeks(*arguments, False).delta[0])
    assert np.isnan(probability_itm(*arguments, False)[0])


def test_probability_of_a_put_is_not_its_delta():
    # N(-d2) > N(-d1) for every put.
    arguments = (100.0, 95.0, 0.5, 0.4, 0.03, 0.0, False)
    assert probability_itm(*arguments) > abs(greeks(*arguments).delta)


def test_broadcasts():
    assert price(100.0, np.full((3, 1), 95.0), np.full(4, 0.5), 0.2, 0.0, 0.0, [True, False, True, False]).shape == (
        3,
        4,
    )
