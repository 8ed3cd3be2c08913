"""When to exercise an American put: the critical spot as a function of the time that is left.

The boundary ``B`` of a put with strike 1 solves a fixed-point equation that follows from smooth pasting. Its transform
``H = ln(B / B(0+))^2`` is smooth in the square root of time, so a polynomial through a few Chebyshev points represents it, and each
option costs two small matrix products per step of the iteration. Everything is vectorised over options; points in time and
quadrature are the same for all, in units of their expiries.

Calls are not mentioned here: a call is a put with spot and strike exchanged, and rate and yield exchanged.

References
----------
Andersen, L., Lake, M. and Offengenden, D. (2016). High performance American option pricing. JCF 20(1): equations 23 to 26
(fixed point A), section 4 (transform and collocation); Newton's method here has the full Jacobian.
Barone-Adesi, G. and Whaley, R. E. (1987). Efficient analytic approximation of American option values. JF 42(2), equations 19 to 26.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, roots_legendre

from wheelhouse.pricing.normalised_black import normal_density

Floats = NDArray[np.float64]

_SEED_STEPS = 6
_SMALLEST_LOG = -690.0
# Of a Newton step, in deviations at each time: the seed is never further off than a few.
_LONGEST_STEP = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How finely a boundary is computed.

    Attributes
    ----------
    nodes
        Chebyshev intervals in time.
    boundary_points
        Gauss-Legendre points of the integrals in the fixed-point equation.
    steps
        Steps of Newton's method from the quadratic approximation.
    premium_points
        Gauss-Legendre points of the integral for the early exercise premium.
    """

    nodes: int
    boundary_points: int
    steps: int
    premium_points: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Collocation:
    """Tables that depend on nothing but the effort.

    Attributes
    ----------
    root_time
        ``sqrt(time / expiry)`` at the nodes where the boundary is unknown, descending from 1, ``(n,)``.
    lag, weight
        Quadrature points and weights on (0, 1) of ``sqrt(lag of time / time)``, ``(l,)``.
    at_lags
        Interpolates ``H`` from the nodes to the times that the fixed-point integrals need, ``(n, n * l)``.
    premium_lag, premium_weight
        The same as `lag` and `weight` for the premium, ``(p,)``.
    at_premium_lags
        Interpolates ``H`` to the times that the premium integral needs, ``(n, p)``.
    """

    root_time: Floats
    lag: Floats
    weight: Floats
    at_lags: Floats
    premium_lag: Floats
    premium_weight: Floats
    at_premium_lags: Floats


@lru_cache(maxsize=8)
def collocation(effort: Effort) -> Collocation:
    """The tables for an effort; computed once."""
    n = effort.nodes
    points = 0.5 * (1.0 + np.cos(np.pi * np.arange(n + 1) / n))
    lag, weight = _unit_legendre(effort.boundary_points)
    premium_lag, premium_weight = _unit_legendre(effort.premium_points)
    root_time = points[:-1]
    at_lags = _interpolation(points, np.outer(root_time, np.sqrt(1.0 - lag**2)).ravel())
    at_premium_lags = _interpolation(points, np.sqrt(1.0 - premium_lag**2))
    # H is zero when no time is left: the last node needs no column.
    return Collocation(
        root_time=root_time,
        lag=lag,
        weight=weight,
        at_lags=np.ascontiguousarray(at_lags[:, :-1].T),
        premium_lag=premium_lag,
        premium_weight=premium_weight,
        at_premium_lags=np.ascontiguousarray(at_premium_lags[:, :-1].T),
    )


def boundary_at_expiry(rate: Floats, dividend_yield: Floats) -> Floats:
    """Logarithm of the critical spot, strike 1, an instant before expiry: ``min(1, rate / dividend_yield)``."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        log_quotient = np.log(rate / dividend_yield)
    limited = (dividend_yield > 0.0) & (rate < dividend_yield)
    return np.where(limited, np.maximum(log_quotient, _SMALLEST_LOG), 0.0)


def exercise_boundary(
    rate: Floats,
    dividend_yield: Floats,
    volatility: Floats,
    years: Floats,
    effort: Effort,
    start: Floats | None = None,
) -> Floats:
    """``ln(B / B(0+))``, not positive, at the nodes of `collocation`.

    Parameters
    ----------
    rate, dividend_yield, volatility, years
        Of puts that may be exercised early (rate positive, or zero with a negative yield), strictly positive volatility and time,
        shape ``(m,)``.
    effort
        Its `steps` are taken from the quadratic approximation.
    start
        A result for neighbouring parameters, ``(m, nodes)``: one step is then enough, and all that is taken. Rows of NaN have none.

    Returns
    -------
    Shape ``(m, nodes)``, times descending from `years`. The transform ``H`` is its square.
    """
    if start is not None and np.isnan(start[:, 0]).any():
        strange = np.isnan(start[:, 0])
        result = np.empty_like(start)
        for rows, known in ((strange, None), (~strange, start[~strange])):
            if rows.any():
                result[rows] = exercise_boundary(
                    rate[rows], dividend_yield[rows], volatility[rows], years[rows], effort, known
                )
        return result
    tables = collocation(effort)
    r, q, vol = rate[:, None], dividend_yield[:, None], volatility[:, None]
    time = years[:, None] * tables.root_time**2
    ceiling = boundary_at_expiry(rate, dividend_yield)[:, None]
    equation = _FixedPoint(r, q, vol, time, ceiling, tables)
    if start is not None:
        return equation.newton_step(start)
    depth_root = np.minimum(seed_boundary(r, q, vol, time, ceiling) - ceiling, 0.0)
    for _ in range(effort.steps):
        depth_root = equation.newton_step(depth_root)
    return depth_root


def seed_boundary(rate: Floats, dividend_yield: Floats, volatility: Floats, time: Floats, ceiling: Floats) -> Floats:
    """Logarithm of the critical spot by the quadratic approximation, strike 1, any common shape."""
    r, q = rate, dividend_yield
    variance = volatility**2
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        carry = 2.0 * (r - q) / variance - 1.0
        discount = np.exp(-r * time)
        # r / (1 - exp(-r t)), which is 1 / t without a rate.
        rate_over_h = np.where(np.abs(r * time) > 1e-12, r / -np.expm1(-r * time), 1.0 / time)
        exponent = -0.5 * (carry + np.sqrt(carry**2 + 8.0 * rate_over_h / variance))
        perpetual = -0.5 * (carry + np.sqrt(carry**2 + 8.0 * r / variance))
        floor = np.where(perpetual < 0.0, perpetual / (perpetual - 1.0), 0.0)
        deviation = volatility * np.sqrt(time)
        top = np.exp(ceiling)
        speed = ((r - q) * time - 2.0 * deviation) / np.maximum(top - floor, 1e-300)
        b = floor + (top - floor) * np.exp(np.minimum(speed, 0.0) * top)
        b = np.clip(b, 1e-300, top)
        carried = np.exp(-q * time)
        for _ in range(_SEED_STEPS):
            d1 = (np.log(b) + (r - q + 0.5 * variance) * time) / deviation
            hedge = carried * ndtr(-d1)
            put = discount * ndtr(deviation - d1) - b * hedge
            gap = b * (1.0 - hedge) + exponent * (1.0 - b - put)
            slope = (1.0 - hedge) * (1.0 - exponent) + carried * normal_density(d1) / deviation
            moved = b - gap / slope
            b = np.where(np.isfinite(moved), np.clip(moved, 0.2 * b, np.minimum(5.0 * b, top)), b)
        seed: Floats = np.log(np.maximum(b, 1e-300))
    return seed


class _FixedPoint:
    """Fixed point A: the boundary equals strike times a quotient of integrals over the boundary."""

    def __init__(
        self,
        rate: Floats,
        dividend_yield: Floats,
        volatility: Floats,
        time: Floats,
        ceiling: Floats,
        tables: Collocation,
    ) -> None:
        n = tables.root_time.size
        self._tables = tables
        self._ceiling = ceiling
        self._interpolation = np.ascontiguousarray(tables.at_lags.reshape(n, n, -1).transpose(1, 2, 0))
        self._deviation = volatility * np.sqrt(time)
        self._drift = (rate - dividend_yield) * time
        lag, weight = tables.lag, tables.weight
        elapsed = time[:, :, None] * (1.0 - lag**2)
        # Everything is multiplied by deviation so that no term is singular.
        self._strike_weight = rate[:, :, None] * np.exp(rate[:, :, None] * elapsed) * (2.0 * time[:, :, None] * weight)
        self._spot_weight = (
            dividend_yield[:, :, None]
            * np.exp(dividend_yield[:, :, None] * elapsed)
            * (2.0 * time[:, :, None] * weight)
        )
        self._lagged_deviation = self._deviation[:, :, None] * lag
        self._lagged_drift = self._drift[:, :, None] * lag**2

    def newton_step(self, depth_root: Floats) -> Floats:
        """Improve ``ln(B / B(0+))``, not positive, shape ``(m, n)``, by one step of Newton's method with the full Jacobian.

        The plain iteration is cheaper and diverges where the rate is large against the variance; this one does not.
        """
        m, n = depth_root.shape
        deviation, lagged_deviation = self._deviation, self._lagged_deviation
        log_boundary = depth_root + self._ceiling
        with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
            depth = ((depth_root**2) @ self._tables.at_lags).reshape(m, n, -1)
            lagged_root = -np.sqrt(np.maximum(depth, 0.0))
            ratio = depth_root[:, :, None] - lagged_root + self._lagged_drift
            minus = ratio / lagged_deviation - 0.5 * lagged_deviation
            plus = minus + lagged_deviation
            minus0 = (log_boundary + self._drift) / deviation - 0.5 * deviation
            plus0 = minus0 + deviation
            density_minus0 = normal_density(minus0)
            density_plus0 = normal_density(plus0)
            spot_density = self._spot_weight * normal_density(plus)
            strike_density = self._strike_weight * normal_density(minus)
            spot_mass = self._spot_weight * lagged_deviation * ndtr(plus)
            top = density_minus0 + strike_density.sum(axis=2)
            bottom = density_plus0 + deviation * ndtr(plus0) + (spot_density + spot_mass).sum(axis=2)
            residual = np.log(top / bottom) - self._drift - log_boundary
            # Derivatives by the boundary at this time, the boundary at the lags held fixed, and the other way round.
            top_pull = -strike_density * minus / lagged_deviation
            bottom_pull = spot_density * (1.0 - plus / lagged_deviation)
            top_slope = top_pull.sum(axis=2) - density_minus0 * minus0 / deviation
            bottom_slope = bottom_pull.sum(axis=2) + density_plus0 * (1.0 - plus0 / deviation)
            here = top_slope / top - bottom_slope / bottom - 1.0
            at_lag = top_pull / top[:, :, None] - bottom_pull / bottom[:, :, None]
            at_lag = np.where(lagged_root < 0.0, at_lag / lagged_root, 0.0)
            by_node = np.matmul(at_lag.transpose(1, 0, 2), self._interpolation).transpose(1, 0, 2)
            jacobian = -by_node * depth_root[:, None, :]
        jacobian[:, np.arange(n), np.arange(n)] += here
        sound = np.isfinite(jacobian).all(axis=(1, 2)) & np.isfinite(residual).all(axis=1)
        jacobian[~sound] = np.eye(n)
        residual[~sound] = 0.0
        try:
            step = np.linalg.solve(jacobian, residual[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:
            # One exactly singular row fails the batch; all of it then takes a step of the plain iteration.
            step = -residual
        longest = _LONGEST_STEP * self._deviation
        improved: Floats = np.minimum(depth_root - np.clip(step, -longest, longest), 0.0)
        return improved


def _unit_legendre(count: int) -> tuple[Floats, Floats]:
    points, weights = roots_legendre(count)
    return 0.5 * (1.0 + points), 0.5 * weights


def _interpolation(nodes: Floats, points: Floats) -> Floats:
    """Barycentric interpolation from Chebyshev-Lobatto nodes, ``(points, nodes)``.

    References
    ----------
    Berrut, J.-P. and Trefethen, L. N. (2004). Barycentric Lagrange interpolation. SIAM Review 46(3), equations 4.2 and 5.4.
    """
    weights = (-1.0) ** np.arange(nodes.size)
    weights[[0, -1]] *= 0.5
    distance = points[:, None] - nodes[None, :]
    hits = distance == 0.0
    terms = weights / np.where(hits, 1.0, distance)
    matrix: Floats = terms / terms.sum(axis=1, keepdims=True)
    exact = hits.any(axis=1)
    matrix[exact] = hits[exact]
    return matrix
