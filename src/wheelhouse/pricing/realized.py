"""Realised volatility from daily bars: five estimators, from the simplest to the one that needs least data.

All take arrays whose last axis is time, oldest first, ``(..., n_bars)``, of prices without a split between them, and return decimals
a year, shape ``(...)``, annualised with 252 sessions. Too few bars, a price that is NaN or not positive, or a bar whose high is below
its low give NaN.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SESSIONS_PER_YEAR = 252.0


def close_to_close(close: ArrayLike) -> Floats:
    """Standard deviation of logarithmic returns, mean removed, ``n - 1`` in the denominator. Needs three closes."""
    returns = np.diff(_log(close), axis=-1)
    return _annual(_variance(returns))


def parkinson(high: ArrayLike, low: ArrayLike) -> Floats:
    """From the range of each bar; blind to gaps and biased by drift. Needs one bar.

    References
    ----------
    Parkinson, M. (1980). The extreme value method for estimating the variance of the rate of return. J. Business 53(1).
    """
    spread = _range(high, low)
    return _annual(_mean(spread**2) / (4.0 * np.log(2.0)))


def garman_klass(open_: ArrayLike, high: ArrayLike, low: ArrayLike, close: ArrayLike) -> Floats:
    """From range and body of each bar, the practical form without cross terms; blind to gaps. Needs one bar.

    References
    ----------
    Garman, M. and Klass, M. (1980). On the estimation of security price volatilities from historical data. J. Business 53(1), eq. 20.
    """
    spread = _range(high, low)
    body = _log(close) - _log(open_)
    variance = _mean(0.5 * spread**2 - (2.0 * np.log(2.0) - 1.0) * body**2)
    return _annual(variance)


def rogers_satchell(open_: ArrayLike, high: ArrayLike, low: ArrayLike, close: ArrayLike) -> Floats:
    """From range and body of each bar, unbiased by drift; blind to gaps. Needs one bar.

    References
    ----------
    Rogers, L. and Satchell, S. (1991). Estimating variance from high, low and closing prices. Ann. Appl. Probab. 1(4).
    """
    return _annual(_mean(_rogers_satchell_terms(open_, high, low, close)))


def yang_zhang(open_: ArrayLike, high: ArrayLike, low: ArrayLike, close: ArrayLike) -> Floats:
    """Overnight, body and Rogers-Satchell variances combined: unbiased by drift, sees gaps, least variance. Needs three bars.

    The first bar gives only its close. With ``n`` overnight returns the weight is ``k = 0.34 / (1.34 + (n + 1) / (n - 1))``.

    References
    ----------
    Yang, D. and Zhang, Q. (2000). Drift-independent volatility estimation based on high, low, open, and close prices. J. Business
    73(3), equations 7 to 10.
    """
    log_open, log_close = _log(open_), _log(close)
    overnight = log_open[..., 1:] - log_close[..., :-1]
    body = log_close[..., 1:] - log_open[..., 1:]
    n = overnight.shape[-1]
    if n < 2:
        return np.full(overnight.shape[:-1], np.nan)
    k = 0.34 / (1.34 + (n + 1.0) / (n - 1.0))
    drift_free = _mean(_rogers_satchell_terms(open_, high, low, close)[..., 1:])
    return _annual(_variance(overnight) + k * _variance(body) + (1.0 - k) * drift_free)


def _rogers_satchell_terms(open_: ArrayLike, high: ArrayLike, low: ArrayLike, close: ArrayLike) -> Floats:
    log_open, log_high, log_low, log_close = _log(open_), _log(high), _log(low), _log(close)
    up = (log_high - log_close) * (log_high - log_open)
    down = (log_low - log_close) * (log_low - log_open)
    terms: Floats = np.where(log_high >= log_low, up + down, np.nan)
    return terms


def _range(high: ArrayLike, low: ArrayLike) -> Floats:
    spread = _log(high) - _log(low)
    return np.where(spread >= 0.0, spread, np.nan)


def _log(prices: ArrayLike) -> Floats:
    values = np.asarray(prices, dtype=np.float64)
    return np.log(np.where((values > 0.0) & np.isfinite(values), values, np.nan))


def _mean(values: Floats) -> Floats:
    if values.shape[-1] == 0:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(np.mean(values, axis=-1))


def _variance(values: Floats) -> Floats:
    if values.shape[-1] < 2:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(np.var(values, axis=-1, ddof=1))


def _annual(variance_per_session: Floats) -> Floats:
    return np.asarray(np.sqrt(np.maximum(variance_per_session, 0.0) * SESSIONS_PER_YEAR))
