"""Raw SVI: the total implied variance of one expiry as a hyperbola in log-moneyness, and its fit to quotes.

References
----------
Gatheral, J. (2004). A parsimonious arbitrage-free implied volatility parameterization. Global Derivatives, Madrid.
Gatheral, J. and Jacquier, A. (2014). Arbitrage-free SVI volatility surfaces. Quantitative Finance 14(1), equations 2.1 and 3.1.
Zeliade Systems (2009). Quasi-explicit calibration of Gatheral's SVI model. White paper ZWP-0005.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wheelhouse.errors import InvalidInput

Floats = NDArray[np.float64]

# Sharper or further vertices than these, in at-the-money standard deviations, are noise of quotes.
_LEAST_SIGMA: Final = 0.02
_MOST_SIGMA: Final = 10.0
_FURTHEST_VERTEX: Final = 6.0
_LEE: Final = 2.0
_SETTLED: Final = 1e-6
# Good quotes need some twenty; what needs more is noise against penalties.
_MOST_STEPS: Final = 60
# Multiples of the furthest quotes at which an anchor draws, and the relative error of its variance.
_ANCHORS: Final = np.array([1.5, 2.0, 3.0, 5.0, 10.0, 30.0])
_ANCHOR_ERROR: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSvi:
    """``w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2))``, with k = ln(strike / forward) and w = volatility^2 years.

    A value says nothing about arbitrage: see `arbitrage.butterfly_violations`.

    Raises
    ------
    InvalidInput
        A parameter is not finite, b is negative, rho outside [-1, 1], sigma not positive, or the least variance negative.
    """

    a: float
    b: float
    rho: float
    m: float
    sigma: float

    def __post_init__(self) -> None:
        values = (self.a, self.b, self.rho, self.m, self.sigma)
        if not np.all(np.isfinite(values)):
            raise InvalidInput(f"SVI slice {values}: every parameter must be finite")
        if self.b < 0.0 or abs(self.rho) > 1.0 or self.sigma <= 0.0:
            raise InvalidInput(f"SVI slice {values}: it needs b >= 0, -1 <= rho <= 1 and sigma > 0")
        if self.least_variance < -1e-12:
            raise InvalidInput(f"SVI slice {values}: its least total variance is {self.least_variance:.3g}, negative")

    @property
    def least_variance(self) -> float:
        """The minimum of w."""
        return self.a + self.b * self.sigma * float(np.sqrt(1.0 - self.rho**2))

    @property
    def wing_slopes(self) -> tuple[float, float]:
        """Slopes of w against abs(k) far to the left and far to the right."""
        return self.b * (1.0 - self.rho), self.b * (1.0 + self.rho)

    def total_variance(self, k: ArrayLike) -> Floats:
        """``w(k)``, the shape of `k`."""
        y = np.asarray(k, dtype=np.float64) - self.m
        variance: Floats = self.a + self.b * (self.rho * y + np.sqrt(y * y + self.sigma**2))
        return variance

    def slope(self, k: ArrayLike) -> Floats:
        """``w'(k)``, the shape of `k`."""
        y = np.asarray(k, dtype=np.float64) - self.m
        slope: Floats = self.b * (self.rho + y / np.sqrt(y * y + self.sigma**2))
        return slope

    def curvature(self, k: ArrayLike) -> Floats:
        """``w''(k)``, the shape of `k`."""
        y = np.asarray(k, dtype=np.float64) - self.m
        curvature: Floats = self.b * self.sigma**2 / (y * y + self.sigma**2) ** 1.5
        return curvature

    def density_factor(self, k: ArrayLike) -> Floats:
        """Gatheral's ``g(k)``: the risk-neutral density of ln(strike / forward) is g times a positive factor.

        ``g = (1 - k w' / (2 w))^2 - w'^2 / 4 (1 / w + 1 / 4) + w'' / 2`` (Gatheral and Jacquier 2014, equation 2.1).
        NaN where w is not positive.
        """
        x = np.asarray(k, dtype=np.float64)
        return density_factor(x, self.total_variance(x), self.slope(x), self.curvature(x))

    def grid(self, points: int, reach: float) -> Floats:
        """Log-moneynesses that resolve the vertex and reach far into both wings: ``m + sigma sinh(u)``, abs(u) <= reach."""
        return self.m + self.sigma * np.sinh(np.linspace(-reach, reach, points))


def density_factor(k: Floats, w: Floats, slope: Floats, curvature: Floats) -> Floats:
    """``g(k)`` of any smile from its total variance and derivatives; see `RawSvi.density_factor`."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factor: Floats = (1.0 - 0.5 * k * slope / w) ** 2 - 0.25 * slope**2 * (1.0 / w + 0.25) + 0.5 * curvature
    return np.where(w > 0.0, factor, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmileQuotes:
    """What one expiry's quotes say about its smile.

    Attributes
    ----------
    years
        To expiry.
    k
        ln(strike / forward), ``(n,)``.
    volatility
        Implied by the mids, a year, ``(n,)``.
    error
        Standard error of the volatilities, ``(n,)``.
    """

    years: float
    k: Floats
    volatility: Floats
    error: Floats

    @property
    def at_the_money(self) -> float:
        """Total variance at k = 0, interpolated between the nearest quotes."""
        order = np.argsort(self.k)
        return float(np.interp(0.0, self.k[order], self.volatility[order])) ** 2 * self.years

    def rmse(self, fitted: RawSvi) -> float:
        """Root mean square distance of a slice from the quotes in volatility points (0.01), every quote counted alike."""
        miss = np.sqrt(np.maximum(fitted.total_variance(self.k), 0.0) / self.years) - self.volatility
        return 100.0 * float(np.sqrt(np.mean(miss**2)))


def fit_svi(
    quotes: SmileQuotes,
    *,
    start: RawSvi | None = None,
    anchor: RawSvi | None = None,
    above: RawSvi | None = None,
    below: RawSvi | None = None,
    penalty: float = 100.0,
    margin: float = 1e-3,
) -> RawSvi:
    """Fit one slice by least squares in volatility, weighted by the errors, robust against single bad quotes.

    Parameters
    ----------
    quotes
        At least three.
    start
        Where to start; by default the best of a grid of vertices (m, sigma), for each of which the rest is linear.
    anchor
        A slice that the wings are drawn to, weakly, where no quote is: a few quotes near the money leave them undetermined.
    above, below
        Slices of an earlier and a later expiry that the fit is to stay above and below.
    penalty
        Of a breach of butterfly and calendar conditions, in standard errors of one quote per unit of g and per relative variance.
    margin
        How far inside the conditions the penalty already begins.

    Notes
    -----
    The fit runs in units of the at-the-money variance and deviation, in which the parameters are of order one whatever the
    tenor. The loss grows linearly beyond some standard errors (scipy's ``soft_l1``), except for the penalties.

    Raises
    ------
    InvalidInput
        Fewer than three quotes.
    """
    from scipy.optimize import least_squares

    if quotes.k.size < 3:
        raise InvalidInput(f"SVI fit: {quotes.k.size} quotes at {quotes.years:.4f} years, at least 3 are needed")
    fit = _Scaled(quotes, anchor, above, below, penalty, margin)
    first = fit.best_of_grid() if start is None else fit.to_unit(start)
    lower = np.array([-_MOST_SIGMA * 4.0, 1e-6, -0.999, -_FURTHEST_VERTEX, _LEAST_SIGMA])
    upper = np.array([10.0, 10.0, 0.999, _FURTHEST_VERTEX, _MOST_SIGMA])
    inside = np.clip(first, lower + 1e-9, upper - 1e-9)
    result = least_squares(
        fit.residuals,
        inside,
        bounds=(lower, upper),
        x_scale=np.array([1.0, 1.0, 0.5, 1.0, 0.5]),
        xtol=_SETTLED,
        ftol=_SETTLED,
        max_nfev=_MOST_STEPS,
    )
    return fit.from_unit(result.x)


class _Scaled:
    """The least-squares problem of one slice in units of its at-the-money variance and deviation."""

    def __init__(
        self,
        quotes: SmileQuotes,
        anchor: RawSvi | None,
        above: RawSvi | None,
        below: RawSvi | None,
        penalty: float,
        margin: float,
    ) -> None:
        self._variance = quotes.at_the_money
        self._unit = float(np.sqrt(self._variance))
        level = self._unit / np.sqrt(quotes.years)
        self._x = quotes.k / self._unit
        self._volatility = quotes.volatility / level
        self._error = quotes.error / level
        self._above, self._below = above, below
        if anchor is None:
            self._anchor_x, self._anchor_variance = np.empty(0), np.empty(0)
        else:
            ends = max(1.0, float(self._x.max())), min(-1.0, float(self._x.min()))
            self._anchor_x = np.multiply.outer(ends, _ANCHORS).ravel()
            self._anchor_variance = anchor.total_variance(self._unit * self._anchor_x) / self._variance
        self._penalty, self._margin = penalty, margin

    def to_unit(self, fitted: RawSvi) -> Floats:
        """Parameters in these units."""
        v, s = self._variance, self._unit
        return np.array([fitted.a / v, fitted.b * s / v, fitted.rho, fitted.m / s, fitted.sigma / s])

    def from_unit(self, parameters: Floats) -> RawSvi:
        """The slice of parameters in these units."""
        a, b, rho, m, sigma = (float(value) for value in parameters)
        v, s = self._variance, self._unit
        least = b * sigma * np.sqrt(1.0 - rho**2)
        return RawSvi(a=max(a, -least) * v, b=b * v / s, rho=rho, m=m * s, sigma=sigma * s)

    def residuals(self, parameters: Floats) -> Floats:
        """Misses in standard errors, then the penalties."""
        a, b, rho, m, sigma = parameters
        w = _unit_variance(parameters, self._x)
        miss = (np.sqrt(np.maximum(w, 1e-8)) - self._volatility) / self._error
        # The square of this is scipy's soft_l1: linear beyond two standard errors.
        robust = np.sign(miss) * np.sqrt(8.0 * (np.sqrt(1.0 + 0.25 * miss**2) - 1.0))
        least = a + b * sigma * np.sqrt(1.0 - rho**2)
        drawn = (_unit_variance(parameters, self._anchor_x) / self._anchor_variance - 1.0) / _ANCHOR_ERROR
        parts = [robust, drawn, self._breach(np.array([least]))]
        v, s = self._variance, self._unit
        x = m + sigma * np.sinh(np.linspace(-7.0, 7.0, 71))
        y = x - m
        root = np.sqrt(y * y + sigma**2)
        own = _unit_variance(parameters, x)
        g = density_factor(s * x, v * own, v / s * b * (rho + y / root), b * sigma**2 / root**3)
        parts.append(self._breach(np.nan_to_num(g, nan=-1.0)))
        steepest = b * v / s * (1.0 + abs(rho))
        parts.append(self._breach(np.array([(_LEE - steepest) / _LEE])))
        for other, sign in ((self._above, 1.0), (self._below, -1.0)):
            if other is None:
                continue
            at = np.concatenate([s * x, other.grid(71, 7.0)])
            theirs = other.total_variance(at)
            gap = sign * (v * _unit_variance(parameters, at / s) / np.maximum(theirs, 1e-12) - 1.0)
            ours = np.array([b * (1.0 - rho), b * (1.0 + rho)]) * v / s
            slopes = sign * (ours / np.maximum(other.wing_slopes, 1e-12) - 1.0)
            parts += [self._breach(gap), self._breach(slopes)]
        return np.concatenate(parts)

    def _breach(self, room: Floats) -> Floats:
        return self._penalty * np.maximum(self._margin - room, 0.0)

    def best_of_grid(self) -> Floats:
        """The best slice over a grid of vertices, weighted least squares in total variance.

        With z = sqrt(y^2 + 1), y = (x - m) / sigma, the slice is ``a + p (z + y) + q (z - y)``, linear; p and q must not be
        negative. Where the unconstrained solution has a negative one, the better of the two borders is taken.
        """
        weight = 1.0 / (2.0 * self._volatility * self._error)
        target = self._volatility**2
        best, found = np.inf, np.array([0.5, 0.5, 0.0, 0.0, 1.0])
        for m in np.linspace(-2.0, 2.0, 9):
            for sigma in (0.1, 0.3, 0.6, 1.0, 1.6, 2.5, 4.0):
                y = (self._x - m) / sigma
                z = np.sqrt(y * y + 1.0)
                columns = np.stack([np.ones_like(z), z + y, z - y], axis=1)
                for kept in ([0, 1, 2], [0, 1], [0, 2]):
                    design = weight[:, None] * columns[:, kept]
                    solution = np.linalg.lstsq(design, weight * target, rcond=None)[0]
                    if np.any(solution[1:] < 0.0):
                        continue
                    cost = float(np.sum((design @ solution - weight * target) ** 2))
                    if cost < best:
                        full = np.zeros(3)
                        full[kept] = solution
                        p, q = full[1], full[2]
                        c = p + q
                        rho = (p - q) / c if c > 0.0 else 0.0
                        best, found = cost, np.array([full[0], c / sigma, rho, m, sigma])
                    if len(kept) == 3:
                        break
        return found


def _unit_variance(parameters: Floats, x: Floats) -> Floats:
    a, b, rho, m, sigma = parameters
    y = x - m
    variance: Floats = a + b * (rho * y + np.sqrt(y * y + sigma**2))
    return variance
