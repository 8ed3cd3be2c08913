"""What the right to exercise early is worth: the premium of an American put over the European one.

References
----------
Kim, I. J. (1990). The analytic valuation of American options. RFS 3(4), equation 12.
Andersen, L., Lake, M. and Offengenden, D. (2016). High performance American option pricing. JCF 20(1), equation 16.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from wheelhouse.pricing.exercise_boundary import Effort, boundary_at_expiry, collocation, exercise_boundary
from wheelhouse.pricing.normalised_black import log_ratio, normal_density

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

# Puts at a time: their tables then take some ten megabytes.
_BLOCK = 2048


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Puts:
    """American puts for which early exercise can pay, shape ``(m,)`` each: calls enter as their mirror images."""

    spot: Floats
    strike: Floats
    years: Floats
    volatility: Floats
    rate: Floats
    dividend_yield: Floats

    def select(self, mask: Booleans | NDArray[np.intp]) -> "Puts":
        """Some of them."""
        return Puts(
            spot=self.spot[mask],
            strike=self.strike[mask],
            years=self.years[mask],
            volatility=self.volatility[mask],
            rate=self.rate[mask],
            dividend_yield=self.dividend_yield[mask],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Premium:
    """Early exercise premium of puts.

    Attributes
    ----------
    value
        Added to the European one, ``(m,)``; only meaningful where not `exercised`.
    exercised
        Where the spot is at or below the critical spot: the put is worth its intrinsic value.
    boundary
        Boundary as `exercise_boundary` returns it, to start from at neighbouring parameters.
    """

    value: Floats
    exercised: Booleans
    boundary: Floats


def early_exercise_values(puts: Puts, effort: Effort) -> tuple[Floats, Booleans]:
    """Only the value of the premium and where one exercises at once, for many puts.

    A boundary depends neither on spot nor on strike: puts that share volatility, time, rate and yield, as in the revaluation of a few
    options under many spots, share it. Memory stays bounded.
    """
    count = puts.spot.size
    value, exercised = np.empty(count), np.empty(count, dtype=np.bool_)
    columns = np.stack([puts.rate, puts.dividend_yield, puts.volatility, puts.years])
    keys, place = columns, np.arange(count)
    if count > _BLOCK:
        keys, inverse = np.unique(columns, axis=1, return_inverse=True)
        place = inverse.reshape(-1)
    # Sharing pays when most of them do; else each block solves its own.
    boundaries = _boundaries(keys, effort) if keys.shape[1] <= count // 2 else None
    for begin in range(0, count, _BLOCK):
        rows = np.arange(begin, min(begin + _BLOCK, count))
        part = puts.select(rows)
        boundary = _boundaries(columns[:, rows], effort) if boundaries is None else boundaries[place[rows]]
        value[rows], exercised[rows] = _values_along(part, boundary, effort), _exercised(part, boundary)
    return value, exercised


def _boundaries(columns: Floats, effort: Effort) -> Floats:
    """Boundaries of columns of rate, yield, volatility and time, a block at a time."""
    blocks = [columns[:, begin : begin + _BLOCK] for begin in range(0, columns.shape[1], _BLOCK)]
    return np.concatenate([exercise_boundary(b[0], b[1], b[2], b[3], effort) for b in blocks])


def early_exercise_premium(puts: Puts, effort: Effort, start: Floats | None = None) -> Premium:
    """Premium of puts; `start` as in `exercise_boundary`."""
    boundary = exercise_boundary(puts.rate, puts.dividend_yield, puts.volatility, puts.years, effort, start)
    return Premium(value=_values_along(puts, boundary, effort), exercised=_exercised(puts, boundary), boundary=boundary)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Integrand:
    """What the premium's integral consists of, ``(m, p)`` each, measure included in `interest` and `dividends`."""

    minus: Floats
    plus: Floats
    deviation: Floats
    interest: Floats
    dividends: Floats


def _integrand(puts: Puts, boundary: Floats, effort: Effort) -> _Integrand:
    tables = collocation(effort)
    r, q = puts.rate[:, None], puts.dividend_yield[:, None]
    ceiling = boundary_at_expiry(puts.rate, puts.dividend_yield)[:, None]
    log_spot = log_ratio(puts.spot, puts.strike)[:, None]
    critical = ceiling - np.sqrt(np.maximum(boundary**2 @ tables.at_premium_lags, 0.0))
    time = puts.years[:, None] * tables.premium_lag**2
    deviation = puts.volatility[:, None] * np.sqrt(time)
    minus = (log_spot - critical + (r - q) * time) / deviation - 0.5 * deviation
    measure = 2.0 * puts.years[:, None] * tables.premium_lag * tables.premium_weight
    return _Integrand(
        minus=minus,
        plus=minus + deviation,
        deviation=deviation,
        interest=measure * r * np.exp(-r * time),
        dividends=measure * q * np.exp(-q * time),
    )


def _exercised(puts: Puts, boundary: Floats) -> Booleans:
    ceiling = boundary_at_expiry(puts.rate, puts.dividend_yield)
    at_once: Booleans = log_ratio(puts.spot, puts.strike) <= ceiling + boundary[:, 0]
    return at_once


def _values_along(puts: Puts, boundary: Floats, effort: Effort) -> Floats:
    """Value of the premium of puts whose boundary is known."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        part = _integrand(puts, boundary, effort)
        gained = (part.interest * ndtr(-part.minus)).sum(axis=1)
        forgone = (part.dividends * ndtr(-part.plus)).sum(axis=1)
    value: Floats = puts.strike * gained - puts.spot * forgone
    return value


def premium_slopes(puts: Puts, boundary: Floats, effort: Effort) -> tuple[Floats, Floats]:
    """First and second derivative of the premium by spot, of puts whose boundary is known; ``(m,)`` each."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        part = _integrand(puts, boundary, effort)
        per_strike = puts.strike / puts.spot
        strike_density = part.interest * normal_density(part.minus) / part.deviation
        spot_density = part.dividends * normal_density(part.plus) / part.deviation
        spot_mass = part.dividends * ndtr(-part.plus)
        first: Floats = (spot_density - spot_mass).sum(axis=1) - per_strike * strike_density.sum(axis=1)
        bend = per_strike[:, None] * strike_density * (1.0 + part.minus / part.deviation)
        bend += spot_density * (1.0 - part.plus / part.deviation)
        second: Floats = bend.sum(axis=1) / puts.spot
    return first, second
