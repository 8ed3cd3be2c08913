from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.pricing.arbitrage import butterfly_violations, calendar_violations
from wheelhouse.pricing.ssvi import Ssvi, fit_ssvi
from wheelhouse.pricing.svi import SmileQuotes

# Fitted on AAPL of 2025-10-06.
AAPL = Ssvi(rho=-0.376, eta=1.156, gamma=0.341)


@settings(max_examples=40, deadline=None)
@given(st.floats(-0.9, 0.9), st.floats(0.1, 2.0), st.floats(0.05, 0.5), st.floats(1e-4, 2.0), st.floats(-2.0, 2.0))
def test_a_slice_is_the_formula(rho, eta, gamma, theta, k):
    surface = Ssvi(rho=rho, eta=eta, gamma=gamma)
    phi = eta / (theta**gamma * (1 + theta) ** (1 - gamma))
    expected = theta / 2 * (1 + rho * phi * k + np.sqrt((phi * k + rho) ** 2 + 1 - rho**2))
    assert float(surface.slice(theta).total_variance(k)) == pytest.approx(expected, rel=1e-9)
    assert float(surface.slice(theta).total_variance(0.0)) == pytest.approx(theta, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    st.floats(-0.95, 0.95),
    st.floats(0.05, 0.999),
    st.floats(0.05, 0.5),
    st.lists(st.floats(1e-3, 1.5), min_size=2, max_size=3, unique=True),
)
def test_the_conditions_leave_no_arbitrage(rho, part, gamma, thetas):
    surface = Ssvi(rho=rho, eta=part * 2 / np.sqrt(1 + abs(rho)), gamma=gamma)
    ordered = sorted(thetas)
    assert surface.is_free_of_arbitrage(ordered)
    fitted = [surface.slice(theta) for theta in ordered]
    assert all(butterfly_violations(each) == () for each in fitted)
    assert all(calendar_violations(near, far) == () for near, far in pairwise(fitted))


def test_the_conditions_are_told_when_broken():
    assert not AAPL.is_free_of_arbitrage([0.02, 0.01])
    steep = Ssvi(rho=-0.9, eta=6.0, gamma=0.5)
    assert not steep.is_free_of_arbitrage([0.05])
    assert butterfly_violations(steep.slice(0.05)) != ()


def smiles(surface: Ssvi, years: np.ndarray, thetas: np.ndarray) -> list[SmileQuotes]:
    found = []
    for time, theta in zip(years, thetas, strict=True):
        k = np.sqrt(theta) * np.linspace(-2.5, 1.5, 15)
        volatility = np.sqrt(surface.slice(theta).total_variance(k) / time)
        found.append(SmileQuotes(years=time, k=k, volatility=volatility, error=np.full(k.size, 0.003)))
    return found


def test_a_fit_returns_the_surface_that_the_quotes_were_made_of():
    years = np.array([0.02, 0.1, 0.25, 0.5, 1.0, 2.0])
    thetas = np.array([0.26, 0.23, 0.28, 0.255, 0.255, 0.265]) ** 2 * years
    fitted, variance = fit_ssvi(smiles(AAPL, years, thetas))
    assert (fitted.rho, fitted.eta, fitted.gamma) == pytest.approx((AAPL.rho, AAPL.eta, AAPL.gamma), rel=0.02)
    assert variance == pytest.approx(thetas, rel=1e-3)
    assert fitted.is_free_of_arbitrage(variance)


def test_total_variance_that_falls_is_held():
    years = np.array([0.25, 0.5])
    quotes = smiles(AAPL, years, np.array([0.04, 0.03]))
    fitted, variance = fit_ssvi(quotes)
    assert fitted.is_free_of_arbitrage(variance)
    assert variance[1] > variance[0]


@pytest.mark.parametrize("values", [(1.0, 1.0, 0.4), (0.0, 0.0, 0.4), (0.0, 1.0, 0.6), (np.nan, 1.0, 0.4)])
def test_refuses_what_is_no_surface(values):
    rho, eta, gamma = values
    with pytest.raises(InvalidInput, match="SSVI"):
        Ssvi(rho=rho, eta=eta, gamma=gamma)


def test_refuses_expiries_out_of_order():
    quotes = smiles(AAPL, np.array([0.25, 0.5]), np.array([0.02, 0.03]))
    with pytest.raises(InvalidInput, match="ascending"):
        fit_ssvi(quotes[::-1])
    with pytest.raises(InvalidInput, match="needs smiles"):
        fit_ssvi([])
