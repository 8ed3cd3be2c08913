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
    value, delta, gamma
        Added to the European ones, ``(m,)``; only meaningful where not `exercised`.
    exercised
        Where the spot is at or below the critical spot: the put is worth its intrinsic value.
    boundary
        Boundary as `exercise_boundary` returns it, to start from at neighbouring parameters.
    """

    value: Floats
    delta: Floats
    gamma: Floats
    exercised: Booleans
    boundary: Floats


def early_exercise_premium(puts: Puts, effort: Effort, start: Floats | None = None) -> Premium:
    """Premium and its derivatives by spot; `start` as in `exercise_boundary`."""
    tables = collocation(effort)
    r, q = puts.rate[:, None], puts.dividend_yield[:, None]
    boundary = exercise_boundary(puts.rate, puts.dividend_yield, puts.volatility, puts.years, effort, start)
    ceiling = boundary_at_expiry(puts.rate, puts.dividend_yield)
    log_spot = log_ratio(puts.spot, puts.strike)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        depth = np.maximum(boundary**2 @ tables.at_premium_lags, 0.0)
        critical = ceiling[:, None] - np.sqrt(depth)
        time = puts.years[:, None] * tables.premium_lag**2
        deviation = puts.volatility[:, None] * np.sqrt(time)
        minus = (log_spot[:, None] - critical + (r - q) * time) / deviation - 0.5 * deviation
        plus = minus + deviation
        measure = 2.0 * puts.years[:, None] * tables.premium_lag * tables.premium_weight
        interest = measure * r * np.exp(-r * time)
        dividends = measure * q * np.exp(-q * time)
        per_strike = puts.strike / puts.spot
        strike_density = interest * normal_density(minus) / deviation
        spot_density = dividends * normal_density(plus) / deviation
        spot_mass = dividends * ndtr(-plus)
        value = puts.strike * (interest * ndtr(-minus)).sum(axis=1) - puts.spot * spot_mass.sum(axis=1)
        delta = (spot_density - spot_mass).sum(axis=1) - per_strike * strike_density.sum(axis=1)
        bend = per_strike[:, None] * strike_density * (1.0 + minus / deviation) + spot_density * (
            1.0 - plus / deviation
        )
        gamma = bend.sum(axis=1) / puts.spot
    return Premium(
        value=value,
        delta=delta,
        gamma=gamma,
        exercised=log_spot <= ceiling + boundary[:, 0],
        boundary=boundary,
    )
