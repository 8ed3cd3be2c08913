"""Implied volatility of European options.

The solver works on the time value in normalised units and on a transform of it that is nearly linear in the unknown: the reciprocal
logarithm for small values, the logarithm of what is missing to the maximum for large ones. Halley's method then takes a few steps
from the inflection point, inside a bracket that only shrinks.

References
----------
Jaeckel, P. (2015). Let's be rational. Wilmott 2015(75), sections 3 and 4 (transforms).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wheelhouse.pricing.black_scholes import log_moneyness
from wheelhouse.pricing.inputs import option_inputs
from wheelhouse.pricing.normalised_black import black, black_remainder, black_slope

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

_MAX_STEPS = 80
# Halley's steps shrink like their cube: after one this small the next would be lost in rounding.
_LAST_STEP = 1e-8
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImpliedVolatility:
    """Volatilities that reproduce prices, and why there is none where there is none.

    Attributes
    ----------
    volatility
        A year; NaN where no volatility gives the price, or where an argument is NaN or out of its domain.
    below_intrinsic
        The price is at or below the value without any volatility, within rounding: it carries no information about volatility.
    above_maximum
        The price is at or above what an infinite volatility gives.
    """

    volatility: Floats
    below_intrinsic: Booleans
    above_maximum: Booleans


def implied_volatility(
    price: ArrayLike,
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> ImpliedVolatility:
    """Volatility at which the European value equals the price.

    Parameters
    ----------
    price
        For one share of underlying, same currency as `spot` and `strike`.
    spot, strike, years, rate, dividend_yield, is_call
        As of `black_scholes.price`. They broadcast with `price`.

    Returns
    -------
    Arrays of the common shape. Without time left there is no volatility: NaN.

    Notes
    -----
    Accurate to about 1e-12 relative where the time value is given that well; of an option in the money only the digits of the price
    beyond its intrinsic value inform.
    """
    inputs = option_inputs(spot, strike, years, 1.0, rate, dividend_yield, is_call)
    given = np.asarray(price, dtype=np.float64)
    shape = np.broadcast_shapes(inputs.shape, given.shape)
    given = np.broadcast_to(given, shape)
    with np.errstate(under="ignore", over="ignore"):
        discounted_spot = inputs.spot * np.exp(-inputs.dividend_yield * inputs.years)
        discounted_strike = inputs.strike * np.exp(-inputs.rate * inputs.years)
    x = log_moneyness(inputs)
    in_the_money = inputs.sign * x > 0.0
    intrinsic = np.where(in_the_money, np.maximum(inputs.sign * (discounted_spot - discounted_strike), 0.0), 0.0)
    noise = np.where(in_the_money, 4.0 * _EPSILON * np.maximum(discounted_spot, discounted_strike), 0.0)
    scale = np.sqrt(discounted_spot) * np.sqrt(discounted_strike)
    target = (given - intrinsic) / scale
    asked = np.broadcast_to(inputs.valid & (inputs.years > 0.0), shape) & np.isfinite(given)
    below = asked & (given - intrinsic <= noise)
    x = np.broadcast_to(-np.abs(x), shape)
    above = asked & ~below & (target >= np.exp(0.5 * x))
    solvable = asked & ~below & ~above
    volatility = np.full(shape, np.nan)
    if np.any(solvable):
        deviation = _solve(x[solvable], target[solvable])
        volatility[solvable] = deviation / np.sqrt(np.broadcast_to(inputs.years, shape)[solvable])
    return ImpliedVolatility(volatility=volatility, below_intrinsic=below, above_maximum=above)


def _solve(x: Floats, target: Floats) -> Floats:
    """Total deviation ``s`` with ``black(x, s) = target``; one-dimensional, every target attainable."""
    inflection = np.sqrt(2.0 * np.abs(x))
    at_inflection = black(x, inflection)
    small = target < at_inflection
    low = np.where(small, 0.0, inflection)
    high = np.where(small, inflection, np.inf)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # Small values fall like exp(-x^2 / 2 s^2); large ones start from the tangent at the inflection, always too low.
        from_tail = 1.0 / np.sqrt(1.0 / inflection**2 + 2.0 * np.log(at_inflection / target) / (x * x))
        from_tangent = inflection + (target - at_inflection) / black_slope(x, inflection)
        s = np.where(small, from_tail, from_tangent)
        log_target = np.log(target)
        missing = np.exp(0.5 * x) - target
    s = np.where(np.isfinite(s) & (s > 0.0), s, 0.5 * inflection + 1e-8)
    active = np.arange(x.size)
    for _ in range(_MAX_STEPS):
        xa, sa, small_a = x[active], s[active], small[active]
        value = black(xa, sa)
        too_high = value > target[active]
        high[active] = np.where(too_high, np.minimum(high[active], sa), high[active])
        low[active] = np.where(too_high, low[active], np.maximum(low[active], sa))
        step = _halley_step(xa, sa, value, small_a, log_target[active], missing[active])
        moved = sa + step
        bracketed = (moved > low[active]) & (moved < high[active])
        middle = np.where(np.isfinite(high[active]), 0.5 * (low[active] + high[active]), 2.0 * sa)
        settled = (np.abs(step) <= _LAST_STEP * sa) | (high[active] - low[active] <= 4.0 * _EPSILON * sa)
        s[active] = np.where(bracketed | settled, moved, middle)
        active = active[~settled]
        if active.size == 0:
            break
    return s


def _halley_step(x: Floats, s: Floats, value: Floats, small: Booleans, log_target: Floats, missing: Floats) -> Floats:
    """One step of Halley's method on the transformed equation; not finite where the transform breaks down."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        slope = black_slope(x, s)
        bend = x * x / s**3 - 0.25 * s
        logarithm = np.log(value)
        remainder = black_remainder(x, s)
        # f / f' and f'' / f' of f = 1 / ln b - 1 / ln target, and of f = ln(max - b) - ln(max - target).
        newton_low = (logarithm - log_target) / log_target * (value * logarithm / slope)
        newton_high = -np.log(remainder / missing) * remainder / slope
        curve_low = bend - slope / value * (1.0 + 2.0 / logarithm)
        curve_high = bend + slope / remainder
        newton = np.where(small, newton_low, newton_high)
        curve = np.where(small, curve_low, curve_high)
        damping = 1.0 - 0.5 * newton * curve
        step: Floats = -newton / np.where(damping > 0.25, damping, 1.0)
    return np.where(np.isnan(step), np.inf, step)
