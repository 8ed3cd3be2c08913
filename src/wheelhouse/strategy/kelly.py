"""How much of one's capital to bet: Kelly's fraction over a simulated payoff.

Kelly maximises the expected logarithm of wealth over every outcome. The formula of two moments, mean over variance, overbets short
options, whose losses are rare and large; it is not used here.

References
----------
Kelly, J. L. (1956). A new interpretation of information rate. Bell System Technical Journal 35(4).
"""

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wheelhouse.errors import InvalidInput

Floats = NDArray[np.float64]

PATHS: Final = 10_000
SEED: Final = 20130301
_HALVINGS: Final = 60


def kelly_fraction(returns: ArrayLike, *, worst: float) -> float:
    """The fraction f of capital, not negative, that maximises the mean of log(1 + f R).

    Parameters
    ----------
    returns
        Equally likely outcomes R of a bet, profit over what is bet, ``(n_outcomes,)``.
    worst
        The least return that is possible at all, negative, whether it was drawn or not: f stays below its ruin, -1 / worst.

    Raises
    ------
    InvalidInput
        No outcomes, one that is not finite, or a worst return that is not negative.

    Examples
    --------
    A coin that comes up six times in ten and pays even money: f = 0.6 - 0.4.

    >>> round(kelly_fraction([1.0] * 6 + [-1.0] * 4, worst=-1.0), 6)
    0.2
    """
    outcomes = np.asarray(returns, dtype=np.float64).ravel()
    if not outcomes.size or not np.isfinite(outcomes).all():
        raise InvalidInput(f"kelly: {outcomes.size} outcomes, expected at least one and all finite")
    if not worst < 0.0:
        raise InvalidInput(f"kelly: the worst return is {worst}, expected a loss; a bet that cannot lose has no size")

    def slope(fraction: float) -> float:
        return float(np.mean(outcomes / (1.0 + fraction * outcomes)))

    if slope(0.0) <= 0.0:
        return 0.0
    # The mean logarithm is concave: its slope falls, and is zero at one place at most.
    low, high = 0.0, (1.0 - 1e-9) / -min(worst, float(outcomes.min()))
    if slope(high) > 0.0:
        return high
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if slope(middle) > 0.0 else (low, middle)
    return 0.5 * (low + high)


def terminal_prices(
    spot: float, past_returns: ArrayLike, *, years: float, growth: float, paths: int = PATHS, seed: int = SEED
) -> Floats:
    """Draw prices at a horizon from the sessions of the past; the same seed gives the same prices.

    Parameters
    ----------
    past_returns
        Logarithmic returns of sessions, ``(n_sessions,)``. They are drawn with replacement, so that their fat tails stay; their mean
        does not matter.
    growth
        A year, continuously compounded: the mean of the prices is exactly ``spot * exp(growth * years)``. With rate less dividend
        yield the only edge of a sale is an implied volatility above the realised one; no premium of the shares is counted on.

    Returns
    -------
    ``(paths,)``.

    Raises
    ------
    InvalidInput
        No returns, or one that is not finite.
    """
    past = np.asarray(past_returns, dtype=np.float64).ravel()
    if not past.size or not np.isfinite(past).all():
        raise InvalidInput(f"simulated prices: {past.size} past returns, expected at least one and all finite")
    sessions = max(1, round(years * 252))
    drawn = np.random.default_rng(seed).integers(0, past.size, (paths, sessions))
    moves = np.exp((past - past.mean())[drawn].sum(axis=1))
    prices: Floats = spot * math.exp(growth * years) * moves / moves.mean()
    return prices


def short_put_returns(terminal: ArrayLike, *, strike: float, credit: float) -> Floats:
    """Profit of a put sold for `credit` after fees over the strike that secures it, USD per share, held to expiry."""
    exercised = np.maximum(strike - np.asarray(terminal, dtype=np.float64), 0.0)
    return np.asarray((credit - exercised) / strike)
