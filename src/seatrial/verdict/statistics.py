"""Bounds that a finite sample can carry: percentiles by order statistics, rates by Clopper-Pearson.

All bounds are one-sided with 95 % confidence unless told otherwise, and make no assumption about the distribution.
"""

import math
from collections.abc import Callable

__all__ = [
    "CONFIDENCE",
    "clopper_pearson_lower",
    "clopper_pearson_upper",
    "min_samples_for_percentile",
    "min_samples_for_rate",
    "percentile_ranks",
]

CONFIDENCE = 0.95
"""One-sided confidence of every bound of a verdict."""


def percentile_ranks(samples: int, quantile: float, confidence: float = CONFIDENCE) -> tuple[int | None, int | None]:
    """Ranks of the order statistics that bound a percentile from below and from above.

    Parameters
    ----------
    samples
        Number of observations ``n``.
    quantile
        ``p`` in (0, 1).
    confidence
        One-sided, of each bound alone.

    Returns
    -------
    tuple
        ``(lower, upper)``, ranks from 1 to ``n`` in ascending order. ``lower`` is the largest ``j`` with
        ``P(Bin(n, p) >= j) >= confidence``, ``upper`` the smallest ``k`` with ``P(Bin(n, p) <= k - 1) >= confidence``;
        ``None`` where no observation of the sample is such a bound.

    References
    ----------
    David, H. A. and Nagaraja, H. N. (2003), *Order Statistics*, section 7.1.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile is {quantile}; it must lie between 0 and 1")
    if samples < 1:
        return None, None
    upper = _first(samples, lambda k: _binomial_cdf(k - 1, samples, quantile) >= confidence)
    # The largest j with P(Bin <= j - 1) <= 1 - confidence stands one before the first that is over.
    over = _first(samples, lambda k: _binomial_cdf(k - 1, samples, quantile) > 1 - confidence)
    lower = samples if over is None else over - 1
    return (lower or None), upper


def _first(samples: int, holds: Callable[[int], bool]) -> int | None:
    """The smallest rank in 1..samples for which a monotone predicate holds."""
    if not holds(samples):
        return None
    low, high = 1, samples
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def min_samples_for_percentile(quantile: float, confidence: float = CONFIDENCE) -> int:
    """The fewest samples whose largest bounds a percentile from above: 59 for P95, 299 for P99, 2,995 for P99.9.

    >>> [min_samples_for_percentile(q) for q in (0.95, 0.99, 0.999)]
    [59, 299, 2995]
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile is {quantile}; it must lie between 0 and 1")
    return math.ceil(math.log(1 - confidence) / math.log(quantile))


def min_samples_for_rate(limit: float, confidence: float = CONFIDENCE) -> int:
    """The fewest trials without an event that show a rate to be under ``limit``: 59 for 5 %, 2,995 for 0.1 %.

    >>> [min_samples_for_rate(limit) for limit in (0.05, 0.01, 0.001)]
    [59, 299, 2995]
    """
    if not 0 < limit < 1:
        raise ValueError(f"limit is {limit}; it must lie between 0 and 1")
    return math.ceil(math.log(1 - confidence) / math.log1p(-limit))


def clopper_pearson_upper(events: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """The exact one-sided upper bound of a rate; 1.0 without trials.

    References
    ----------
    Clopper, C. and Pearson, E. S. (1934), *Biometrika* 26, 404-413.
    """
    _check_counts(events, trials)
    if events == trials:
        return 1.0
    return _beta_quantile(events + 1, trials - events, confidence)


def clopper_pearson_lower(events: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """The exact one-sided lower bound of a rate; 0.0 without trials or events."""
    _check_counts(events, trials)
    if events == 0:
        return 0.0
    return _beta_quantile(events, trials - events + 1, 1 - confidence)


def _check_counts(events: int, trials: int) -> None:
    if not 0 <= events <= trials:
        raise ValueError(f"{events} events of {trials} trials: events must lie between 0 and the number of trials")


# scipy.special takes longer to import than everything else here, and who only reads settings does without it.
def _binomial_cdf(successes: int, trials: int, probability: float) -> float:
    from scipy.special import bdtr

    return float(bdtr(successes, trials, probability))


def _beta_quantile(a: float, b: float, probability: float) -> float:
    from scipy.special import betaincinv

    return float(betaincinv(a, b, probability))
