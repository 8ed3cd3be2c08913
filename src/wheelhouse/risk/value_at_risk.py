"""Value at risk and expected shortfall, three ways, and whether the past agrees with them.

Losses are positive and never below zero. Quantiles interpolate linearly between order statistics (type 7 of Hyndman and Fan);
expected shortfall is the mean of the worst ``1 - confidence`` of the losses, the loss at the edge counted in part. With these two
definitions the shortfall is never less than the value at risk.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtri

from wheelhouse.errors import InvalidInput

Floats = NDArray[np.float64]

CONFIDENCES: tuple[float, ...] = (0.95, 0.99)

Revalue = Callable[[Floats, Floats], Floats]
"""From spot factors and volatility shifts, ``(n_scenarios, n_underlyings)`` each, to profit and loss, ``(n_scenarios,)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskNumbers:
    """Value at risk and expected shortfall in USD, by confidence.

    Attributes
    ----------
    var, es
        Not negative.
    horizon_days
        Sessions.
    scenarios
        How many losses they rest on; 0 for closed forms.
    standard_error
        Of `var`, in USD, where it is sampled from a model; else None.
    """

    method: Literal["historical", "normal", "monte_carlo"]
    var: Mapping[float, float]
    es: Mapping[float, float]
    horizon_days: int
    scenarios: int
    standard_error: Mapping[float, float] | None = None


def from_losses(losses: ArrayLike, confidence: float) -> tuple[float, float]:
    """Value at risk and expected shortfall of equally likely losses; zeros if there are none, NaN if one is NaN."""
    ordered = np.sort(np.asarray(losses, dtype=np.float64).ravel())
    if ordered.size == 0:
        return 0.0, 0.0
    if np.isnan(ordered[-1]):
        return math.nan, math.nan
    quantile = float(np.quantile(ordered, confidence))
    tail = (1.0 - confidence) * ordered.size
    weights = np.clip(tail - np.arange(ordered.size), 0.0, 1.0)
    shortfall = float((ordered[::-1] * weights).sum() / tail)
    # The mean of a tail of equal losses may round to just below each of them.
    return max(quantile, 0.0), max(shortfall, quantile, 0.0)


def historical(
    revalue: Revalue,
    returns: ArrayLike,
    *,
    volatility_changes: ArrayLike | None = None,
    horizon_days: int = 1,
    confidences: Sequence[float] = CONFIDENCES,
) -> RiskNumbers:
    """Full revaluation under what the underlyings did together in the past.

    Parameters
    ----------
    revalue
        `Book.revalue`, or anything like it.
    returns
        Simple returns of a session, ``(n_sessions, n_underlyings)``, oldest first. Sessions in which one is NaN are left out: no
        underlying's past is combined with another's of a different day.
    volatility_changes
        Changes of implied volatility in the same sessions, decimals, the same shape; none moves them not at all.
    horizon_days
        Longer horizons take overlapping windows of consecutive sessions.

    Raises
    ------
    InvalidInput
        Shapes that do not match, a horizon below one, or fewer sessions than the horizon.
    """
    moves = np.asarray(returns, dtype=np.float64)
    if moves.ndim != 2:
        raise InvalidInput(
            f"historical value at risk: returns have shape {moves.shape}, expected (n_sessions, n_underlyings)"
        )
    shifts = np.zeros_like(moves) if volatility_changes is None else np.asarray(volatility_changes, dtype=np.float64)
    if shifts.shape != moves.shape:
        raise InvalidInput(f"historical value at risk: volatility changes {shifts.shape} against returns {moves.shape}")
    complete = np.isfinite(moves).all(axis=1) & np.isfinite(shifts).all(axis=1)
    moves, shifts = moves[complete], shifts[complete]
    if horizon_days < 1 or moves.shape[0] < horizon_days:
        raise InvalidInput(
            f"historical value at risk: {moves.shape[0]} complete sessions for a horizon of {horizon_days}; "
            "give at least as many sessions as the horizon, and a horizon of at least 1"
        )
    if horizon_days > 1:
        windows = np.lib.stride_tricks.sliding_window_view
        factors = np.prod(windows(1.0 + moves, horizon_days, axis=0), axis=-1)
        shifts = np.sum(windows(shifts, horizon_days, axis=0), axis=-1)
    else:
        factors = 1.0 + moves
    losses = -revalue(factors, shifts)
    numbers = {c: from_losses(losses, c) for c in confidences}
    return RiskNumbers(
        method="historical",
        var={c: numbers[c][0] for c in confidences},
        es={c: numbers[c][1] for c in confidences},
        horizon_days=horizon_days,
        scenarios=int(losses.size),
    )


def normal(
    mean: float, deviation: float, *, horizon_days: int = 1, confidences: Sequence[float] = CONFIDENCES
) -> RiskNumbers:
    """Closed form for a profit that is normal each session, independent of the others.

    Parameters
    ----------
    mean, deviation
        Of the profit of one session, USD.

    Notes
    -----
    ``VaR = z deviation sqrt(h) - mean h`` and ``ES = density(z) / (1 - confidence) deviation sqrt(h) - mean h``.
    """
    if not deviation >= 0.0:
        raise InvalidInput(f"normal value at risk: deviation {deviation}, expected a number that is not negative")
    spread, drift = deviation * math.sqrt(horizon_days), mean * horizon_days
    var, es = {}, {}
    for confidence in confidences:
        z = float(ndtri(confidence))
        density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        var[confidence] = max(z * spread - drift, 0.0)
        es[confidence] = max(density / (1.0 - confidence) * spread - drift, 0.0)
    return RiskNumbers(method="normal", var=var, es=es, horizon_days=horizon_days, scenarios=0)


def delta_normal(
    dollar_deltas: ArrayLike,
    returns: ArrayLike,
    *,
    horizon_days: int = 1,
    confidences: Sequence[float] = CONFIDENCES,
) -> RiskNumbers:
    """`normal` for the linear part of a book: mean and covariance of returns, ``(n_sessions, n_underlyings)``, times dollar deltas."""
    deltas = np.asarray(dollar_deltas, dtype=np.float64)
    moves = _complete(returns, deltas.size)
    profits = moves @ deltas
    deviation = float(np.std(profits, ddof=1)) if profits.size > 1 else 0.0
    mean = float(np.mean(profits)) if profits.size else 0.0
    return normal(mean, deviation, horizon_days=horizon_days, confidences=confidences)


def monte_carlo(
    revalue: Revalue,
    mean: ArrayLike,
    covariance: ArrayLike,
    *,
    scenarios: int = 5000,
    seed: int = 20130301,
    horizon_days: int = 1,
    confidences: Sequence[float] = CONFIDENCES,
) -> RiskNumbers:
    """Full revaluation under joint normal logarithmic returns; the same seed gives the same numbers.

    Parameters
    ----------
    mean, covariance
        Of the logarithmic returns of one session, ``(n_underlyings,)`` and ``(n_underlyings, n_underlyings)``.
    scenarios
        Half of them drawn, the other half their mirror images.

    Notes
    -----
    The standard error is half the distance between the order statistics one binomial deviation below and above the quantile.
    """
    drift, spread = (
        np.atleast_1d(np.asarray(mean, dtype=np.float64)),
        np.atleast_2d(np.asarray(covariance, dtype=np.float64)),
    )
    if spread.shape != (drift.size, drift.size):
        raise InvalidInput(f"monte carlo value at risk: covariance {spread.shape} against {drift.size} means")
    if scenarios < 2:
        raise InvalidInput(f"monte carlo value at risk: {scenarios} scenarios, expected at least 2")
    values, vectors = np.linalg.eigh(spread)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = np.random.default_rng(seed).standard_normal(((scenarios + 1) // 2, drift.size))
    both = np.concatenate([draws, -draws])[:scenarios] @ root.T
    factors = np.exp(drift * horizon_days + math.sqrt(horizon_days) * both)
    losses = -revalue(factors, np.zeros_like(factors))
    numbers = {c: from_losses(losses, c) for c in confidences}
    return RiskNumbers(
        method="monte_carlo",
        var={c: numbers[c][0] for c in confidences},
        es={c: numbers[c][1] for c in confidences},
        horizon_days=horizon_days,
        scenarios=scenarios,
        standard_error={c: _quantile_error(losses, c) for c in confidences},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KupiecTest:
    """Whether losses exceeded the value at risk as often as they should.

    Attributes
    ----------
    statistic
        Likelihood ratio, chi-squared with one degree of freedom if the model is right; NaN without sessions.
    p_value
        Probability of a ratio at least as great if the model is right; NaN without sessions.
    """

    sessions: int
    exceptions: int
    statistic: float
    p_value: float


def kupiec_test(losses: ArrayLike, value_at_risk: ArrayLike, confidence: float) -> KupiecTest:
    """Compare realised losses with the value at risk forecast for their sessions.

    References
    ----------
    Kupiec, P. (1995). Techniques for verifying the accuracy of risk measurement models. J. Derivatives 3(2), proportion of failures.
    """
    realised, forecast = np.broadcast_arrays(np.asarray(losses, float), np.asarray(value_at_risk, float))
    sessions, exceptions = int(realised.size), int(np.count_nonzero(realised > forecast))
    if sessions == 0:
        return KupiecTest(sessions=0, exceptions=0, statistic=math.nan, p_value=math.nan)
    expected, seen = 1.0 - confidence, exceptions / sessions

    def log_likelihood(rate: float) -> float:
        hits = exceptions * math.log(rate) if exceptions else 0.0
        misses = (sessions - exceptions) * math.log1p(-rate) if exceptions < sessions else 0.0
        return hits + misses

    statistic = max(0.0, 2.0 * (log_likelihood(seen) - log_likelihood(expected)))
    return KupiecTest(
        sessions=sessions, exceptions=exceptions, statistic=statistic, p_value=float(chdtrc(1.0, statistic))
    )


def _complete(returns: ArrayLike, columns: int) -> Floats:
    moves = np.asarray(returns, dtype=np.float64)
    if moves.ndim != 2 or moves.shape[1] != columns:
        raise InvalidInput(f"value at risk: returns have shape {moves.shape}, expected (n_sessions, {columns})")
    rows: Floats = moves[np.isfinite(moves).all(axis=1)]
    return rows


def _quantile_error(losses: Floats, confidence: float) -> float:
    ordered = np.sort(losses)
    width = math.sqrt(confidence * (1.0 - confidence) / ordered.size)
    low, high = np.quantile(ordered, [max(confidence - width, 0.0), min(confidence + width, 1.0)])
    return float(0.5 * (high - low))
