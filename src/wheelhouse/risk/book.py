"""Positions as arrays that can be revalued under other spots, volatilities and days: what all risk numbers rest on."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wheelhouse.errors import InvalidInput
from wheelhouse.pricing.american import american_price
from wheelhouse.pricing.black_scholes import DAYS_PER_YEAR, price

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Integers = NDArray[np.int64]

# A shift never makes a volatility smaller than this.
_LEAST_VOLATILITY = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One position of a book; fields as of `Book`. What is left out says that it is shares."""

    underlying: str
    quantity: float
    spot: float
    multiplier: float = 1.0
    is_option: bool = False
    strike: float = math.nan
    years: float = math.nan
    volatility: float = math.nan
    rate: float = math.nan
    dividend_yield: float = math.nan
    is_call: bool = False
    american: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Book:
    """Positions in shares and options; every array has shape ``(n_positions,)``.

    Attributes
    ----------
    underlyings
        Names, in the order that revaluations take their factors in.
    underlying
        Index of each position's underlying in `underlyings`.
    is_option
        False for shares: their strike, years, volatility, rate and yield are not read, and may be NaN.
    spot
        USD per share of the underlying; of an adjusted option what it delivers, per USD of exercise multiplier.
    strike, years, volatility, rate, dividend_yield, is_call, american
        As the pricing kernels take them. A position whose parameters are not all known values to NaN, and with it the book.
    quantity
        Signed contracts or shares.
    multiplier
        USD for one contract and one USD of premium; 1 for shares.
    """

    underlyings: tuple[str, ...]
    underlying: Integers
    is_option: Booleans
    spot: Floats
    strike: Floats
    years: Floats
    volatility: Floats
    rate: Floats
    dividend_yield: Floats
    is_call: Booleans
    american: Booleans
    quantity: Floats
    multiplier: Floats

    def __post_init__(self) -> None:
        n = self.quantity.size
        for field in fields(self):
            if field.name == "underlyings":
                continue
            shape = getattr(self, field.name).shape
            if shape != (n,):
                raise InvalidInput(f"book: {field.name} has shape {shape}, expected ({n},)")
        if n and not (self.underlying.min() >= 0 and self.underlying.max() < len(self.underlyings)):
            raise InvalidInput(
                f"book: underlying indexes run from {self.underlying.min()} to {self.underlying.max()}, "
                f"but there are {len(self.underlyings)} underlyings"
            )

    @classmethod
    def of(cls, lines: Iterable[Line]) -> "Book":
        """Make columns of positions; underlyings are in alphabetical order."""
        rows = tuple(lines)
        names = tuple(sorted({row.underlying for row in rows}))
        place = {name: i for i, name in enumerate(names)}

        def floats(name: str) -> Floats:
            return np.array([getattr(row, name) for row in rows], dtype=np.float64)

        def flags(name: str) -> Booleans:
            return np.array([getattr(row, name) for row in rows], dtype=np.bool_)

        return cls(
            underlyings=names,
            underlying=np.array([place[row.underlying] for row in rows], dtype=np.int64),
            is_option=flags("is_option"),
            spot=floats("spot"),
            strike=floats("strike"),
            years=floats("years"),
            volatility=floats("volatility"),
            rate=floats("rate"),
            dividend_yield=floats("dividend_yield"),
            is_call=flags("is_call"),
            american=flags("american"),
            quantity=floats("quantity"),
            multiplier=floats("multiplier"),
        )

    def __len__(self) -> int:
        return int(self.quantity.size)

    def select(self, mask: Booleans) -> "Book":
        """The positions where the mask is true, with all underlyings."""
        columns = {f.name: getattr(self, f.name)[mask] for f in fields(self) if f.name != "underlyings"}
        return Book(underlyings=self.underlyings, **columns)

    @property
    def is_known(self) -> Booleans:
        """Which positions can be valued, ``(n_positions,)``."""
        shares_known = np.isfinite(self.spot) & np.isfinite(self.quantity) & np.isfinite(self.multiplier)
        parameters = self.strike + self.years + self.volatility + self.rate + self.dividend_yield
        known: Booleans = shares_known & (~self.is_option | np.isfinite(parameters))
        return known

    def values(self, spot_factors: ArrayLike = 1.0, volatility_shift: ArrayLike = 0.0, days: float = 0.0) -> Floats:
        """Market value of each position by the model, in USD, under shocks.

        Parameters
        ----------
        spot_factors
            Spot after the shock over spot now: a number, or ``(n_scenarios, n_underlyings)``.
        volatility_shift
            Added to implied volatilities, in decimals: a number, or ``(n_scenarios, n_underlyings)``.
        days
            Calendar days that pass. Options whose time has run out are worth what exercise gives.

        Returns
        -------
        ``(n_scenarios, n_positions)``.
        """
        factors = self._by_position(spot_factors, "spot_factors")
        shifts = self._by_position(volatility_shift, "volatility_shift")
        shape = (max(factors.shape[0], shifts.shape[0]), len(self))
        spots = np.broadcast_to(self.spot * factors, shape)
        worth = np.array(spots)
        for american in (True, False):
            which = np.flatnonzero(self.is_option & (self.american == american))
            if which.size == 0:
                continue
            kernel = american_price if american else price
            worth[:, which] = kernel(
                spots[:, which],
                self.strike[which],
                np.maximum(self.years[which] - days / DAYS_PER_YEAR, 0.0),
                np.maximum(self.volatility[which] + shifts[:, which], _LEAST_VOLATILITY),
                self.rate[which],
                self.dividend_yield[which],
                self.is_call[which],
            )
        return worth * (self.quantity * self.multiplier)

    def revalue(self, spot_factors: ArrayLike = 1.0, volatility_shift: ArrayLike = 0.0, days: float = 0.0) -> Floats:
        """Profit and loss of the whole book under shocks, in USD, against its model value now.

        Parameters as of `values`. Every option is repriced in full, as American where it is.

        Returns
        -------
        ``(n_scenarios,)``; zeros for an empty book.
        """
        shocked = self.values(spot_factors, volatility_shift, days)
        profit: Floats = (shocked - self.values()).sum(axis=1)
        return profit

    def _by_position(self, shocks: ArrayLike, name: str) -> Floats:
        """Shocks of underlyings as shocks of positions, ``(n_scenarios or 1, n_positions)``."""
        array = np.asarray(shocks, dtype=np.float64)
        if array.ndim == 0:
            return np.full((1, len(self)), float(array))
        if array.ndim != 2 or array.shape[1] != len(self.underlyings):
            raise InvalidInput(
                f"book: {name} has shape {array.shape}, expected a number or (n_scenarios, {len(self.underlyings)})"
            )
        return array[:, self.underlying]
