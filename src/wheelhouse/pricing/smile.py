"""What traders read off a surface: volatility at a constant maturity, skew by delta, rank and percentile in its own history."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wheelhouse.errors import InvalidInput
from wheelhouse.pricing.black_scholes import DAYS_PER_YEAR
from wheelhouse.pricing.surface import SurfaceSlice, VolatilitySurface

Floats = NDArray[np.float64]

_FURTHEST_DEVIATIONS: Final = 1e4
# Sessions of history below which a rank or percentile says nothing.
_LEAST_HISTORY: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """Skew of one expiry at a delta.

    Attributes
    ----------
    delta
        Absolute forward delta, N(d1) of the call and N(-d1) of the put, not discounted.
    atm_volatility
        At the forward.
    call_strike, put_strike, call_volatility, put_volatility
        Of the call and the put that have this delta.
    risk_reversal
        Call volatility less put volatility; negative where downside protection is dear.
    butterfly
        Mean of both less the at-the-money volatility.
    slope
        Of volatility by ln(strike / forward) at the forward.
    """

    expiry: date
    delta: float
    atm_volatility: float
    call_strike: float
    put_strike: float
    call_volatility: float
    put_volatility: float
    risk_reversal: float
    butterfly: float
    slope: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityStanding:
    """Where a volatility stands in its history: two different numbers, each in [0, 1] and None where undefined.

    Attributes
    ----------
    rank
        (current - low) / (high - low), the extremes taken over history and current: one spike a year ago holds it down all year.
        None without a range.
    percentile
        Share of the sessions of history that were strictly below the current one.
    low, high
        Extremes of history and current.
    observations
        Sessions of history that are known.
    """

    rank: float | None
    percentile: float | None
    low: float | None
    high: float | None
    observations: int


def constant_maturity(years: ArrayLike, volatility: ArrayLike, target_years: ArrayLike) -> Floats:
    """Volatility at fixed times to expiry from that of listed expiries: total variance is interpolated linearly in time.

    Parameters
    ----------
    years
        Times of the expiries, positive and strictly ascending, ``(n,)``.
    volatility
        At those times, a year, ``(n,)``.

    Returns
    -------
    The shape of `target_years`; NaN outside the listed expiries: nothing is extrapolated.

    Raises
    ------
    InvalidInput
        Shapes that differ, or times that are not positive and ascending.

    References
    ----------
    Cboe (2023). Volatility index methodology: Cboe Volatility Index (the same interpolation between two expiries).
    """
    times, levels = np.asarray(years, dtype=np.float64), np.asarray(volatility, dtype=np.float64)
    target = np.asarray(target_years, dtype=np.float64)
    if times.ndim != 1 or times.shape != levels.shape:
        raise InvalidInput(
            f"constant maturity: years has shape {times.shape}, volatility {levels.shape}; give (n,) twice"
        )
    if times.size == 0:
        return np.full(target.shape, np.nan)
    if not times[0] > 0.0 or np.any(~(np.diff(times) > 0.0)):
        raise InvalidInput(f"constant maturity: the times {times.tolist()} are not positive and ascending")
    variance = np.interp(target, times, levels**2 * times, left=np.nan, right=np.nan)
    return np.sqrt(variance / np.where(target > 0.0, target, np.nan))


def constant_maturity_volatility(surface: VolatilitySurface, days: float = 30.0) -> float:
    """At-the-money volatility at a constant number of days; NaN where no two expiries enclose it."""
    years = [each.years for each in surface.slices]
    return float(constant_maturity(years, [each.atm_volatility for each in surface.slices], days / DAYS_PER_YEAR))


def strike_at_delta(smile: SurfaceSlice, delta: float, *, is_call: bool) -> float:
    """The strike at which an option has an absolute forward delta, on the smile's own volatilities; USD.

    Raises
    ------
    InvalidInput
        A delta outside (0, 1), or one that no strike of this smile has.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri

    if not 0.0 < delta < 1.0:
        raise InvalidInput(f"strike at delta {delta}: give an absolute delta between 0 and 1")
    wanted = float(ndtri(delta)) * (1.0 if is_call else -1.0)
    unit = float(np.sqrt(smile.smile.total_variance(0.0)))

    def miss(k: float) -> float:
        deviation = float(np.sqrt(smile.smile.total_variance(k)))
        return 0.5 * deviation - k / deviation - wanted

    # d1 falls with the strike on every smile without arbitrage (Fukasawa 2012, theorem 2.8).
    reach = 2.0
    while miss(-reach * unit) < 0.0 or miss(reach * unit) > 0.0:
        reach *= 2.0
        if reach > _FURTHEST_DEVIATIONS:
            raise InvalidInput(f"strike at delta {delta}: the smile of {smile.expiry} has none")
    return smile.forward * float(np.exp(brentq(miss, -reach * unit, reach * unit, xtol=1e-13)))


def skew(smile: SurfaceSlice, delta: float = 0.25) -> Skew:
    """Risk reversal and butterfly of one expiry at an absolute forward delta.

    Raises
    ------
    InvalidInput
        A delta outside (0, 1), or one that no strike of this smile has.
    """
    call_strike = strike_at_delta(smile, delta, is_call=True)
    put_strike = strike_at_delta(smile, delta, is_call=False)
    call, put = float(smile.volatility(call_strike)), float(smile.volatility(put_strike))
    middle = smile.atm_volatility
    return Skew(
        expiry=smile.expiry,
        delta=delta,
        atm_volatility=middle,
        call_strike=call_strike,
        put_strike=put_strike,
        call_volatility=call,
        put_volatility=put,
        risk_reversal=call - put,
        butterfly=0.5 * (call + put) - middle,
        slope=float(smile.smile.slope(0.0)) / (2.0 * middle * smile.years),
    )


def volatility_standing(
    history: ArrayLike, current: float, *, sessions: int = 252, least: int = _LEAST_HISTORY
) -> VolatilityStanding:
    """Rank and percentile of a volatility among the last sessions before it.

    Parameters
    ----------
    history
        Volatilities of earlier sessions, oldest first, ``(n,)``, the current one not among them; NaN is unknown and not counted.
    current
        The volatility to place; NaN gives None for everything but the history's extremes.
    sessions
        How many sessions, at most, are looked back upon.
    least
        Known sessions below which rank and percentile are undefined.

    Raises
    ------
    InvalidInput
        A history with more than one axis, or `sessions` or `least` below one.
    """
    values = np.asarray(history, dtype=np.float64)
    if values.ndim != 1 or sessions < 1 or least < 1:
        raise InvalidInput(
            f"standing of a volatility: history of shape {values.shape}, sessions {sessions}, least {least};"
            " give (n,) and counts of one or more"
        )
    window = values[-sessions:]
    known = window[np.isfinite(window)]
    seen = np.append(known, current) if np.isfinite(current) else known
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (None, None)
    defined = known.size >= least and bool(np.isfinite(current))
    rank = percentile = None
    if defined and low is not None and high is not None:
        rank = (current - low) / (high - low) if high > low else None
        percentile = float(np.mean(known < current))
    return VolatilityStanding(rank=rank, percentile=percentile, low=low, high=high, observations=int(known.size))
