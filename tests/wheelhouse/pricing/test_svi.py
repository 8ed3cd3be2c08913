import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.pricing.black_scholes import price
from wheelhouse.pricing.svi import RawSvi, SmileQuotes, fit_svi

TYPICAL = RawSvi(a=0.01, b=0.12, rho=-0.45, m=0.03, sigma=0.2)

slices = st.builds(
    lambda least, b, rho, m, sigma: RawSvi(a=least - b * sigma * np.sqrt(1 - rho**2), b=b, rho=rho, m=m, sigma=sigma),
    st.floats(1e-4, 0.2),
    st.floats(0.0, 1.0),
    st.floats(-0.95, 0.95),
    st.floats(-0.5, 0.5),
    st.floats(0.01, 1.0),
)


@settings(max_examples=50, deadline=None)
@given(slices, st.floats(-1.5, 1.5))
def test_total_variance_is_quantlibs(smile, k):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import QuantLib as ql
    years, forward = 0.7, 123.0
    # QuantLib refuses slices that breach Lee's bound at this stage.
    if smile.b * (1 + abs(smile.rho)) * years >= 4:
        return
    section = ql.SviSmileSection(years, forward, [smile.a, smile.b, smile.sigma, smile.rho, smile.m])
    expected = section.volatility(forward * np.exp(k)) ** 2 * years
    assert float(smile.total_variance(k)) == pytest.approx(expected, rel=1e-9, abs=1e-13)


@settings(max_examples=50, deadline=None)
@given(slices, st.floats(-1.5, 1.5))
def test_derivatives_are_finite_differences(smile, k):
    h = 1e-3 * smile.sigma
    up, mid, down = (smile.total_variance(k + step) for step in (h, 0.0, -h))
    assert float(smile.slope(k)) == pytest.approx((up - down) / (2 * h), rel=1e-4, abs=1e-7)
    assert float(smile.curvature(k)) == pytest.approx((up - 2 * mid + down) / h**2, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("k", [-0.6, -0.2, 0.0, 0.1, 0.5])
def test_density_factor_is_the_density_of_prices(k):
    """Breeden and Litzenberger: the second derivative of calls by strike is the density, which g multiplies (lemma 2.2)."""
    h = 1e-3
    strikes = np.exp(k) * np.array([1 - h, 1.0, 1 + h])
    volatility = np.sqrt(TYPICAL.total_variance(np.log(strikes)))
    calls = price(1.0, strikes, 1.0, volatility, 0.0, 0.0, True)
    density = (calls[0] - 2 * calls[1] + calls[2]) / (h * np.exp(k)) ** 2 * np.exp(k)
    w = float(TYPICAL.total_variance(k))
    d2 = -k / np.sqrt(w) - np.sqrt(w) / 2
    factor = np.exp(-(d2**2) / 2) / np.sqrt(2 * np.pi * w)
    assert float(TYPICAL.density_factor(k)) == pytest.approx(density / factor, rel=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 2.5), st.floats(0.12, 0.9), st.floats(-0.7, 0.3), st.floats(0.3, 1.2))
def test_a_fit_returns_what_the_quotes_were_made_of(years, level, rho, bend):
    theta = level**2 * years
    unit = np.sqrt(theta)
    made = RawSvi(a=0.4 * theta, b=0.6 * unit * bend, rho=rho, m=0.1 * unit, sigma=unit * 0.9)
    k = unit * np.linspace(-3, 2, 25)
    volatility = np.sqrt(made.total_variance(k) / years)
    quotes = SmileQuotes(years=years, k=k, volatility=volatility, error=np.full(k.size, 0.002))
    fitted = fit_svi(quotes)
    assert quotes.rmse(fitted) < 0.02
    assert fitted.total_variance(k) == pytest.approx(made.total_variance(k), rel=5e-3)


def test_one_bad_quote_hardly_moves_a_fit():
    k = np.linspace(-0.5, 0.3, 21)
    volatility = np.sqrt(TYPICAL.total_variance(k))
    clean = SmileQuotes(years=1.0, k=k, volatility=volatility, error=np.full(21, 0.005))
    wrong = volatility.copy()
    wrong[4] += 0.30
    fitted = fit_svi(SmileQuotes(years=1.0, k=k, volatility=wrong, error=np.full(21, 0.005)))
    assert clean.rmse(fitted) < 0.6


def test_an_anchor_draws_the_wings_that_no_quote_shows():
    k = np.linspace(-0.03, 0.03, 7)
    quotes = SmileQuotes(years=1.0, k=k, volatility=np.sqrt(TYPICAL.total_variance(k)), error=np.full(k.size, 0.002))
    anchored = fit_svi(quotes, anchor=TYPICAL)
    assert quotes.rmse(anchored) < 0.05
    far = np.array([-3.0, 3.0])
    assert anchored.total_variance(far) == pytest.approx(TYPICAL.total_variance(far), rel=0.2)


def test_a_fit_stays_above_an_earlier_slice():
    k = np.linspace(-0.5, 0.3, 21)
    quotes = SmileQuotes(years=1.0, k=k, volatility=np.sqrt(TYPICAL.total_variance(k) * 0.9), error=np.full(21, 0.005))
    fitted = fit_svi(quotes, above=TYPICAL, penalty=1e4)
    assert np.all(fitted.total_variance(np.linspace(-5, 5, 201)) >= TYPICAL.total_variance(np.linspace(-5, 5, 201)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"b": -0.1}, "b >= 0"),
        ({"rho": 1.1}, "rho <= 1"),
        ({"sigma": 0.0}, "sigma > 0"),
        ({"a": np.nan}, "finite"),
        ({"a": -0.1}, "negative"),
    ],
)
def test_refuses_what_is_no_slice(parameters, message):
    with pytest.raises(InvalidInput, match=message):
        RawSvi(**{"a": 0.01, "b": 0.12, "rho": -0.45, "m": 0.03, "sigma": 0.2, **parameters})


def test_refuses_to_fit_two_quotes():
    two = np.array([0.2, 0.3])
    with pytest.raises(InvalidInput, match=r"2 quotes at 0\.5000 years, at least 3 are needed"):
        fit_svi(SmileQuotes(years=0.5, k=two, volatility=two, error=two))
