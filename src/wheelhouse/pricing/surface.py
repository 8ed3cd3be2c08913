"""A volatility surface: one SVI slice an expiry, and every arbitrage that was found in slices and quotes.

`surface_fit.fit_surface` makes one of a chain.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wheelhouse.pricing.arbitrage import Violation
from wheelhouse.pricing.quote_arbitrage import QuoteArbitrage
from wheelhouse.pricing.svi import RawSvi

Floats = NDArray[np.float64]

Model = Literal["svi", "ssvi"]
LeftOutReason = Literal["too_near", "no_forward", "too_few_quotes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceSlice:
    """The smile of one expiry.

    Attributes
    ----------
    years
        To expiry, Act/365.
    forward, discount, rate, dividend_yield
        As of `parity.Forward`.
    smile
        Total variance by ln(strike / forward).
    quotes_used
        Quotes in the fit.
    rmse_vol_points
        Root mean square of fitted less quoted volatility over them, in points of 0.01, every quote counted alike.
    """

    expiry: date
    years: float
    forward: float
    discount: float
    rate: float
    dividend_yield: float
    smile: RawSvi
    quotes_used: int
    rmse_vol_points: float

    @property
    def atm_volatility(self) -> float:
        """Volatility a year at the forward."""
        return float(self.volatility(self.forward))

    @property
    def parameters(self) -> dict[str, float]:
        """Of raw SVI, by name."""
        s = self.smile
        return {"a": s.a, "b": s.b, "rho": s.rho, "m": s.m, "sigma": s.sigma}

    def volatility(self, strike: ArrayLike) -> Floats:
        """Black volatility a year at strikes in USD, the shape of `strike`."""
        k = np.log(np.asarray(strike, dtype=np.float64) / self.forward)
        deviation: Floats = np.sqrt(self.smile.total_variance(k) / self.years)
        return deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class ButterflyViolation:
    """Where the slice of one expiry implies a negative density."""

    expiry: date
    where: Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarViolation:
    """Where total variance falls from one expiry to the next."""

    earlier: date
    later: date
    where: Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An expiry without a slice: fewer than three days away, no pairs for parity, or fewer than five quotes out of the money."""

    expiry: date
    reason: LeftOutReason


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilitySurface:
    """Slices in order of expiry, and every arbitrage found in them and in the quotes.

    Attributes
    ----------
    model
        ``svi``: slices fitted one by one; ``ssvi``: the fallback with one skew for all.
    slices
        Empty where no expiry has enough quotes; `left_out` says why.
    butterfly, calendar
        Violations of the fitted slices, of neighbours in the case of calendars.
    quote_arbitrage
        What could be earned at the quotes themselves, at bid and ask.
    """

    underlying: str
    as_of: datetime
    spot: float
    model: Model
    slices: tuple[SurfaceSlice, ...]
    left_out: tuple[LeftOut, ...]
    butterfly: tuple[ButterflyViolation, ...]
    calendar: tuple[CalendarViolation, ...]
    quote_arbitrage: tuple[QuoteArbitrage, ...]

    @property
    def is_free_of_arbitrage(self) -> bool:
        """Whether the fitted slices violate nothing."""
        return not self.butterfly and not self.calendar

    @property
    def quotes_used(self) -> int:
        """Quotes in all slices."""
        return sum(each.quotes_used for each in self.slices)

    @property
    def rmse_vol_points(self) -> float:
        """Over all quotes used; NaN without any."""
        if not self.slices:
            return float("nan")
        squares = sum(each.quotes_used * each.rmse_vol_points**2 for each in self.slices)
        return float(np.sqrt(squares / self.quotes_used))

    def total_variance(self, k: ArrayLike, years: ArrayLike) -> Floats:
        """Variance times years at log-moneynesses against the forward of the same time; the arguments broadcast.

        Linear in time at constant k between slices, which keeps calendars free of arbitrage; before the first and after the
        last one the volatility is constant in time. NaN for times that are not positive, and without slices.
        """
        moneyness, time = np.broadcast_arrays(np.asarray(k, dtype=np.float64), np.asarray(years, dtype=np.float64))
        if not self.slices:
            return np.full(moneyness.shape, np.nan)
        knots = np.array([each.years for each in self.slices])
        w = np.stack([each.smile.total_variance(moneyness) for each in self.slices])
        right = np.clip(np.searchsorted(knots, time), 1, max(knots.size - 1, 1))
        left = right - 1
        if knots.size == 1:
            right = left
        w_left, w_right = (np.take_along_axis(w, index[None, ...], axis=0)[0] for index in (left, right))
        gap = np.where(right > left, knots[right] - knots[left], 1.0)
        between = w_left + (w_right - w_left) * (time - knots[left]) / gap
        inside = np.where(time <= knots[0], w[0] * time / knots[0], between)
        total = np.where(time >= knots[-1], w[-1] * time / knots[-1], inside)
        return np.where(time > 0.0, total, np.nan)

    def volatility(self, k: ArrayLike, years: ArrayLike) -> Floats:
        """Square root of `total_variance` a year."""
        time = np.asarray(years, dtype=np.float64)
        variance = self.total_variance(k, time)
        return np.sqrt(variance / np.where(time > 0.0, time, np.nan))
