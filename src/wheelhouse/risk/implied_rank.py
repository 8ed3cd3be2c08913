"""Where an implied volatility stands among those of the past: rank and percentile, which are different numbers."""

from collections.abc import Sequence

SESSIONS_NEEDED = 252


def iv_rank(current: float, past: Sequence[float], *, needed: int = SESSIONS_NEEDED) -> float | None:
    """Place between the least and the greatest of the past and the present, from 0 to 1.

    Returns
    -------
    float or None
        None with fewer past sessions than `needed`, or if all are equal.

    Examples
    --------
    >>> round(iv_rank(0.30, [0.20, 0.21, 0.22, 0.60], needed=4), 6)
    0.25
    """
    if len(past) < needed:
        return None
    low, high = min(current, *past), max(current, *past)
    return (current - low) / (high - low) if high > low else None


def iv_percentile(current: float, past: Sequence[float], *, needed: int = SESSIONS_NEEDED) -> float | None:
    """Share of past sessions whose implied volatility was lower, from 0 to 1; None with fewer than `needed`.

    Examples
    --------
    >>> iv_percentile(0.30, [0.20, 0.21, 0.22, 0.60], needed=4)
    0.75
    """
    if len(past) < needed:
        return None
    return sum(value < current for value in past) / len(past)
