"""Black-Scholes prices for the simulated exchange: its own, so that a target's mistake is not made here again."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["european_price", "lower_bound"]


def european_price(
    spot: float,
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    volatility: NDArray[np.float64],
    rate: float,
    dividend_yield: float,
    is_call: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Price per share of European options.

    Parameters
    ----------
    spot
        USD.
    strike, years, volatility, is_call
        Shape (n,); volatility > 0; no years left gives the payoff.
    rate, dividend_yield
        Continuously compounded, a year.

    References
    ----------
    Merton, R. C. (1973), *Bell J. Econ. Manag. Sci.* 4(1), eq. 21 with a constant yield.
    """
    left = np.maximum(years, 1e-12)
    deviation = volatility * np.sqrt(left)
    stock = spot * np.exp(-dividend_yield * left)
    cash = strike * np.exp(-rate * left)
    d1 = np.log(stock / cash) / deviation + 0.5 * deviation
    sign = np.where(is_call, 1.0, -1.0)
    price = sign * (stock * _normal_cdf(sign * d1) - cash * _normal_cdf(sign * (d1 - deviation)))
    return np.maximum(price, 0.0)


def lower_bound(
    spot: float,
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    rate: float,
    dividend_yield: float,
    is_call: NDArray[np.bool_],
    *,
    american: bool,
) -> NDArray[np.float64]:
    """What an option is worth at least: exercised now if American, else the discounted payoff of its forward; ``(n,)``."""
    left = np.zeros_like(years) if american else np.maximum(years, 0.0)
    value = spot * np.exp(-dividend_yield * left) - strike * np.exp(-rate * left)
    return np.maximum(np.where(is_call, value, -value), 0.0)


def _normal_cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    # numpy has no error function, and a few thousand calls of the exact one take less than a millisecond.
    erf = np.fromiter((math.erf(value) for value in (x / math.sqrt(2.0)).tolist()), dtype=np.float64, count=x.size)
    return np.asarray(0.5 * (1.0 + erf), dtype=np.float64)
