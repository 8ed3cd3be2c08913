"""Black's formula without units, accurate to the last digits for options that are nearly worthless.

With forward ``F``, strike ``K``, ``x = ln(F / K)`` and total deviation ``s = volatility * sqrt(years)`` an out-of-the-money option
is worth ``sqrt(F K) b(-|x|, s)`` before discounting, whether call or put. Everything European in this package goes through ``b``:
the difference of two normal distributions that the textbook formula takes loses all digits exactly where implied volatility
needs them.

References
----------
Jaeckel, P. (2015). Let's be rational. Wilmott 2015(75), sections 2 and 6.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, ndtr

Floats = NDArray[np.float64]

SQRT_TWO_PI = 2.5066282746310002
_SQRT_HALF = 0.7071067811865476
_SQRT_HALF_PI = 1.2533141373155001

# Below this half deviation the difference of two scaled tails cancels too much and its Taylor series takes over.
_SERIES_BELOW = 0.03


def normal_density(x: Floats) -> Floats:
    """Density of the standard normal distribution."""
    density: Floats = np.exp(-0.5 * x * x) / SQRT_TWO_PI
    return density


def log_ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Natural logarithm of a quotient, with full relative accuracy when the two are close.

    The difference of two close floats is exact, so ``log1p`` of it keeps what rounding the quotient would lose.
    """
    excess = (numerator - denominator) / denominator
    close = np.abs(excess) < 0.5
    logarithm: Floats = np.where(close, np.log1p(np.where(close, excess, 0.0)), np.log(numerator / denominator))
    return logarithm


def black(x: Floats, s: Floats) -> Floats:
    """Value of an out-of-the-money option in units of ``sqrt(F K)``.

    Parameters
    ----------
    x
        Log moneyness ``ln(F / K)``, not positive (a call's; a put takes the mirror image), any shape.
    s
        Total deviation ``volatility * sqrt(years)``, not negative, the shape of `x`.

    Returns
    -------
    Between 0 and ``exp(x / 2)``; 0 where ``s`` is 0. Relative error near 1e-12 down to the smallest normal float.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        h = np.where(s > 0.0, x / s, 0.0)
        t = 0.5 * s
        envelope = np.exp(-0.5 * (h * h + t * t))
        scaled_tails = 0.5 * envelope * (erfcx(-_SQRT_HALF * (h + t)) - erfcx(-_SQRT_HALF * (h - t)))
        direct = np.exp(0.5 * x) * ndtr(h + t) - np.exp(-0.5 * x) * ndtr(h - t)
        series = envelope * _tail_series(h, t) / SQRT_TWO_PI
        value: Floats = np.where(t < _SERIES_BELOW, series, np.where(h + t > 0.0, direct, scaled_tails))
        value = np.where(envelope > 0.0, value, np.where(h + t > 0.0, direct, 0.0))
    return np.where(s > 0.0, np.maximum(value, 0.0), np.where(np.isnan(s) | np.isnan(x), np.nan, 0.0))


def black_remainder(x: Floats, s: Floats) -> Floats:
    """What is missing to the greatest possible value, ``exp(x / 2) - black(x, s)``, as a sum of positive terms."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        h = np.where(s > 0.0, x / s, -np.inf)
        t = 0.5 * s
        remainder: Floats = np.exp(0.5 * x) * ndtr(-h - t) + np.exp(-0.5 * x) * ndtr(h - t)
    return remainder


def black_slope(x: Floats, s: Floats) -> Floats:
    """Derivative of `black` by total deviation."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        h = np.where(s > 0.0, x / s, 0.0)
        slope: Floats = np.exp(-0.5 * (h * h + 0.25 * s * s)) / SQRT_TWO_PI
    return slope


def _tail_series(h: Floats, t: Floats) -> Floats:
    """``Y(h + t) - Y(h - t)`` of ``Y = distribution / density``, by its odd Taylor terms at ``h``."""
    y0 = _SQRT_HALF_PI * erfcx(-_SQRT_HALF * h)
    y1 = 1.0 + h * y0
    y2 = h * y1 + y0
    y3 = h * y2 + 2.0 * y1
    y4 = h * y3 + 3.0 * y2
    y5 = h * y4 + 4.0 * y3
    y6 = h * y5 + 5.0 * y4
    y7 = h * y6 + 6.0 * y5
    square = t * t
    total: Floats = 2.0 * t * (y1 + square * (y3 / 6.0 + square * (y5 / 120.0 + square * y7 / 5040.0)))
    return total
