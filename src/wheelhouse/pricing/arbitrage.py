"""Static arbitrage of fitted smiles: butterflies within one expiry, calendars between two.

References
----------
Gatheral, J. and Jacquier, A. (2014). Arbitrage-free SVI volatility surfaces. Quantitative Finance 14(1), lemmas 2.1 and 2.2.
Roper, M. (2010). Arbitrage free implied volatility surfaces. University of Sydney, theorem 2.9.
Lee, R. (2004). The moment formula for implied volatility at extreme strikes. Mathematical Finance 14(3).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wheelhouse.pricing.svi import RawSvi

Floats = NDArray[np.float64]

_POINTS: Final = 1201
_REACH: Final = 12.0
# Rounding of g, which is of order one, and of a total variance relative to itself.
_TOLERANCE: Final = 1e-9
# A smooth function cannot dip below zero between neighbouring points of the grid from above this, in the same units.
_NEAR: Final = 1e-2
# Wings may fall on each other: slopes are compared up to rounding.
_SLOPE_TOLERANCE: Final = 1e-12
_STEEPEST: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Where a smile can be arbitraged.

    Attributes
    ----------
    low, high
        The interval of log-moneyness; infinite where it never ends.
    worst_at
        Log-moneyness of the worst value.
    worst
        The most negative g(k) of a butterfly, or w(k, later) - w(k, earlier) of a calendar; -inf where it falls without end.
    """

    low: float
    high: float
    worst_at: float
    worst: float


def butterfly_violations(smile: RawSvi) -> tuple[Violation, ...]:
    """Intervals where ``g(k) < 0``, ascending: there the slice implies a negative density.

    Wings steeper than 2, for which the price of calls does not vanish or puts exceed their bound, count as such intervals too.
    """

    def room(k: Floats) -> Floats:
        return np.nan_to_num(smile.density_factor(k), nan=-np.inf)

    grid = smile.grid(_POINTS, _REACH)
    found = list(_negative_intervals(room, grid, _TOLERANCE))
    left, right = smile.wing_slopes
    # Far out g tends to 1/4 - slope^2 / 16.
    if left > _STEEPEST and not any(each.low == -np.inf for each in found):
        found.insert(0, Violation(low=-np.inf, high=float(grid[0]), worst_at=-np.inf, worst=0.25 - left**2 / 16.0))
    if right > _STEEPEST and not any(each.high == np.inf for each in found):
        found.append(Violation(low=float(grid[-1]), high=np.inf, worst_at=np.inf, worst=0.25 - right**2 / 16.0))
    return tuple(found)


def calendar_violations(earlier: RawSvi, later: RawSvi) -> tuple[Violation, ...]:
    """Intervals of log-moneyness where ``w(k, later) < w(k, earlier)``, ascending.

    Moneyness is against each expiry's own forward, which is the condition with proportional dividends.
    """

    def room(k: Floats) -> Floats:
        return later.total_variance(k) - earlier.total_variance(k)

    grid = np.union1d(earlier.grid(_POINTS, _REACH), later.grid(_POINTS, _REACH))
    size = earlier.total_variance(grid) + later.total_variance(grid)
    found = list(_negative_intervals(room, grid, _TOLERANCE * size))
    gains = tuple(far - near for near, far in zip(earlier.wing_slopes, later.wing_slopes, strict=True))
    if gains[0] < -_SLOPE_TOLERANCE and not any(each.low == -np.inf for each in found):
        found.insert(0, Violation(low=-np.inf, high=float(grid[0]), worst_at=-np.inf, worst=-np.inf))
    if gains[1] < -_SLOPE_TOLERANCE and not any(each.high == np.inf for each in found):
        found.append(Violation(low=float(grid[-1]), high=np.inf, worst_at=np.inf, worst=-np.inf))
    return tuple(found)


def _negative_intervals(
    room: Callable[[Floats], Floats], grid: Floats, tolerance: float | Floats
) -> tuple[Violation, ...]:
    """Intervals where `room` is below minus `tolerance`, their ends and minima refined between the points of the grid.

    A dip between two points is found where the grid shows a local minimum next to zero.
    """
    from scipy.optimize import brentq, minimize_scalar

    allowed = np.broadcast_to(np.asarray(tolerance, dtype=np.float64), grid.shape)
    values = room(grid)

    def at(k: float) -> float:
        return float(room(np.array([k]))[0])

    bad = values < -allowed
    close = values[1:-1] < _NEAR / _TOLERANCE * allowed[1:-1]
    inner = np.flatnonzero(close & (values[1:-1] <= values[:-2]) & (values[1:-1] <= values[2:])) + 1
    found: list[Violation] = []
    # A dip that no point shows is a run of its own.
    for i in inner:
        if bad[i]:
            continue
        lowest = minimize_scalar(at, bounds=(grid[i - 1], grid[i + 1]), method="bounded", options={"xatol": 1e-10})
        if lowest.fun < -allowed[i]:
            low = brentq(at, grid[i - 1], lowest.x) if values[i - 1] > 0.0 else float(grid[i - 1])
            high = brentq(at, lowest.x, grid[i + 1]) if values[i + 1] > 0.0 else float(grid[i + 1])
            found.append(Violation(low=low, high=high, worst_at=float(lowest.x), worst=float(lowest.fun)))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], bad, [False]]).astype(np.int8)))
    for begin, end in edges.reshape(-1, 2):
        last = end - 1
        low = -np.inf if begin == 0 else _edge(at, float(grid[begin - 1]), float(grid[begin]))
        high = np.inf if last == grid.size - 1 else _edge(at, float(grid[last + 1]), float(grid[last]))
        worst = begin + int(np.argmin(values[begin:end]))
        worst_at, least = float(grid[worst]), float(values[worst])
        if 0 < worst < grid.size - 1 and np.isfinite(least):
            around = (grid[worst - 1], grid[worst + 1])
            lowest = minimize_scalar(at, bounds=around, method="bounded", options={"xatol": 1e-10})
            worst_at, least = float(lowest.x), float(lowest.fun)
        found.append(Violation(low=low, high=high, worst_at=worst_at, worst=least))
    return tuple(sorted(found, key=lambda each: each.low))


def _edge(at: Callable[[float], float], good: float, bad: float) -> float:
    """Where the sign changes between a point that is good, if only by tolerance, and one that is bad."""
    from scipy.optimize import brentq

    if at(good) <= 0.0 or not np.isfinite(at(bad)):
        return good
    return float(brentq(at, min(good, bad), max(good, bad)))
