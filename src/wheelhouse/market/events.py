"""Corporate events, the terms of an underlying's options, and the events that raw and adjusted closes reveal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from wheelhouse.errors import InvalidInput
from wheelhouse.market.instruments import Exercise, Settlement, SettlementTime

if TYPE_CHECKING:
    import polars as pl

DividendKind = Literal["ordinary", "special"]
EarningsSession = Literal["bmo", "amc", "unknown"]

_SPLIT_THRESHOLD: Final = 0.15
_SPLIT_TOLERANCE: Final = 0.02
_SPECIAL_MULTIPLE: Final = 5
_LEAST_DIVIDEND: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Dividend:
    """A cash dividend.

    Attributes
    ----------
    ex_date
        First session on which the share trades without it.
    pay_date
        None if unknown.
    amount
        USD per share.
    kind
        An ordinary dividend never adjusts options; a special one cuts every strike by its amount.
    """

    ex_date: date
    amount: Decimal
    pay_date: date | None = None
    kind: DividendKind = "ordinary"

    def __post_init__(self) -> None:
        if not (self.amount.is_finite() and self.amount > 0):
            raise InvalidInput(f"dividend of {self.ex_date}: amount must be above zero, got {self.amount}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A stock split: `ratio` new shares for each old one, below one for a reverse split."""

    ex_date: date
    ratio: Fraction

    def __post_init__(self) -> None:
        if self.ratio <= 0:
            raise InvalidInput(f"split of {self.ex_date}: ratio must be above zero, got {self.ratio}")

    @property
    def is_whole(self) -> bool:
        """Whether it is n:1, which keeps the contract's root and deliverable; any other split makes an adjusted series."""
        return self.ratio.denominator == 1 and self.ratio > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Earnings:
    """A report of earnings: before the market opens (bmo), after it closes (amc), or at an unknown time."""

    date: date
    session: EarningsSession = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What prices an underlying's options beside its quote.

    Attributes
    ----------
    rate, dividend_yield
        Continuously compounded, decimals a year.
    dividends, splits, earnings
        Known events, past and future. No earnings means that none is known, not that none is coming.
    """

    rate: float = 0.0
    dividend_yield: float = 0.0
    exercise: Exercise = Exercise.AMERICAN
    settlement: Settlement = Settlement.PHYSICAL
    settlement_time: SettlementTime = SettlementTime.PM
    dividends: tuple[Dividend, ...] = ()
    splits: tuple[Split, ...] = ()
    earnings: tuple[Earnings, ...] = ()

    def __post_init__(self) -> None:
        for name, value in (("rate", self.rate), ("dividend_yield", self.dividend_yield)):
            if not np.isfinite(value) or abs(value) > 1:
                raise InvalidInput(
                    f"{name} must be a decimal a year between -1 and 1 (0.05 is five percent), got {value}"
                )


def splits_from_adjusted(bars: "pl.DataFrame") -> list[Split]:
    """Find the splits of one symbol in its raw and adjusted closes.

    A split is a day on which adjusted / raw jumps by a simple ratio, and the raw close moves against it. A crash moves both closes
    alike and is none.

    Parameters
    ----------
    bars
        Daily bars of one symbol, columns ts, close, adjusted_close.
    """
    days, close, jump = _factor_jumps(bars)
    found = []
    for i in np.flatnonzero(np.abs(np.log(jump)) > _SPLIT_THRESHOLD):
        ratio = (
            Fraction(float(jump[i])).limit_denominator(10)
            if jump[i] > 1
            else 1 / Fraction(float(1 / jump[i])).limit_denominator(10)
        )
        simple = abs(float(ratio) / float(jump[i]) - 1) < _SPLIT_TOLERANCE
        moved = abs(np.log(close[i] / close[i - 1] * jump[i])) < abs(np.log(jump[i])) / 2
        if simple and moved and ratio != 1:
            found.append(Split(ex_date=days[i], ratio=ratio))
    return found


def dividends_from_adjusted(bars: "pl.DataFrame", splits: Sequence[Split]) -> list[Dividend]:
    """Recover the cash dividends of one symbol from its raw and adjusted closes.

    With f = adjusted / raw, D_t = close_t (f_t / (f_(t-1) n_t) - 1), n_t the ratio of a split on that day, else 1. One amount a day:
    whether it is ordinary is not in the prices, see `separate_specials`.

    Parameters
    ----------
    bars
        Daily bars of one symbol, columns ts, close, adjusted_close.
    splits
        The symbol's splits, as `splits_from_adjusted` finds them.

    Returns
    -------
    list of Dividend
        By ex-date, amounts rounded to the cent.
    """
    days, close, jump = _factor_jumps(bars)
    ratios = {split.ex_date: float(split.ratio) for split in splits}
    split_ratio = np.array([ratios.get(day, 1.0) for day in days])
    amounts = close * (jump / split_ratio - 1)
    noise = _rounding_noise(bars, close)
    return [Dividend(ex_date=days[i], amount=Decimal(f"{amounts[i]:.2f}")) for i in np.flatnonzero(amounts > noise)]


def separate_specials(dividends: Sequence[Dividend]) -> list[Dividend]:
    """Take an amount several times the dividend before it for that ordinary dividend and a special one of the rest, on the same day.

    A guess for sources that give amounts without kinds; a declared kind is better.
    """
    found: list[Dividend] = []
    regular: Decimal | None = None
    for dividend in sorted(dividends, key=lambda d: d.ex_date):
        amount = dividend.amount
        if regular is not None and amount > _SPECIAL_MULTIPLE * regular:
            found.append(replace(dividend, amount=amount - regular, kind="special"))
            amount = regular
        found.append(replace(dividend, amount=amount))
        regular = amount
    return found


def _factor_jumps(bars: "pl.DataFrame") -> tuple[list[date], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Days, raw closes and f_t / f_(t-1), each (n_days,); the first jump is 1."""
    ordered = bars.sort("ts")
    days = [ts.date() for ts in ordered.get_column("ts").to_list()]
    close = ordered.get_column("close").to_numpy().astype(np.float64)
    factor = ordered.get_column("adjusted_close").to_numpy().astype(np.float64) / close
    jump = np.ones_like(factor)
    jump[1:] = factor[1:] / factor[:-1]
    return days, close, jump


def _rounding_noise(bars: "pl.DataFrame", close: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the apparent dividend, (n_days,) in USD, that the rounding of the adjusted closes alone can feign."""
    adjusted = bars.sort("ts").get_column("adjusted_close").to_numpy().astype(np.float64)
    half_unit = next(
        (0.5 * 10.0**-n for n in range(2, 7) if np.allclose(adjusted, adjusted.round(n), rtol=0, atol=1e-9)), 1e-7
    )
    relative = half_unit / adjusted
    noise = relative.copy()
    noise[1:] += relative[:-1]
    return np.asarray(np.maximum(close * noise, _LEAST_DIVIDEND))
