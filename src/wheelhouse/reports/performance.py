"""Performance of a series of daily equities, with flows removed by time weighting and idle days left in.

The return of a day is r_t = E_t / (E_(t-1) + F_t) - 1, where the flow F_t arrives at the start of day t. What is undefined is None:
never 0, never -100 %.

References
----------
C. R. Bacon, *Practical Portfolio Performance Measurement and Attribution*, 2nd ed. (2008), chapters 2 and 4; W. F. Sharpe, "The Sharpe
Ratio", Journal of Portfolio Management 21 (1994); F. A. Sortino and R. van der Meer, "Downside Risk", ibid. 17 (1991).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from wheelhouse.errors import InvalidInput

Floats = npt.NDArray[np.float64]
ClosedUnit = Literal["campaign", "leg"]

SESSIONS_A_YEAR: Final = 252
DAYS_A_YEAR: Final = 365.25
_NO_SPREAD: Final = 1e-13
"""Daily deviation below which returns are constant up to rounding: nothing can be divided by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Statistics of one series; None where undefined.

    Attributes
    ----------
    total_return, cagr
        Decimals; CAGR on calendar time, 365.25 days a year.
    volatility
        Decimals a year, of daily returns, ddof 1.
    sharpe, sortino, calmar
        Annualised ratios.
    max_drawdown
        At most 0; the first peak is the initial equity.
    win_rate, profit_factor
        Of closed units, see `closed_unit`; the profit factor is None without losses.
    """

    start: date | None
    end: date | None
    total_return: float | None = None
    cagr: float | None = None
    volatility: float | None = None
    sharpe: float | None = None
    sortino: float | None = None
    max_drawdown: float | None = None
    calmar: float | None = None
    win_rate: float | None = None
    profit_factor: float | None = None
    closed_unit: ClosedUnit = "campaign"


def performance(
    dates: Sequence[date],
    equity: npt.ArrayLike,
    *,
    flows: npt.ArrayLike | None = None,
    risk_free: npt.ArrayLike = 0.0,
    minimum_acceptable: float = 0.0,
    closed_profits: Sequence[float] = (),
    closed_unit: ClosedUnit = "campaign",
) -> Performance:
    """Measure a series of daily equities.

    Parameters
    ----------
    dates
        Sessions in ascending order, (n,).
    equity
        USD at each close, (n,); the first is the initial equity.
    flows
        USD that arrived (+) or left (-) at the start of each date, (n,); the first is part of the initial equity and not used.
    risk_free
        What idle cash earns a day, decimals, one number or (n,) with the first not used; see `accrued`.
    minimum_acceptable
        Return a day, decimals, that Sortino measures against.
    closed_profits
        USD of each closed unit.

    Raises
    ------
    InvalidInput
        If lengths differ, dates do not ascend, or an equity or flow is not finite.
    """
    value, flow = _checked(dates, equity, flows)
    free = np.broadcast_to(np.asarray(risk_free, dtype=np.float64), value.shape)
    wins = _win_rate(closed_profits)
    factor = _profit_factor(closed_profits)
    returns = time_weighted_returns(value, flow)
    if not len(returns) or not np.all(np.isfinite(returns)):
        return Performance(
            start=dates[0] if dates else None,
            end=dates[-1] if dates else None,
            win_rate=wins,
            profit_factor=factor,
            closed_unit=closed_unit,
        )
    growth = np.concatenate(([1.0], np.cumprod(1 + returns)))
    cagr = _cagr(float(growth[-1]), (dates[-1] - dates[0]).days / DAYS_A_YEAR)
    drawdown = max_drawdown(growth)
    return Performance(
        start=dates[0],
        end=dates[-1],
        total_return=float(growth[-1] - 1),
        cagr=cagr,
        volatility=_deviation(returns, annual=True),
        sharpe=sharpe(returns - free[1:]),
        sortino=sortino(returns, minimum_acceptable),
        max_drawdown=drawdown,
        calmar=None if cagr is None or drawdown == 0 else cagr / abs(drawdown),
        win_rate=wins,
        profit_factor=factor,
        closed_unit=closed_unit,
    )


def time_weighted_returns(equity: Floats, flows: Floats) -> Floats:
    """Returns of each day after the first, (n - 1,); NaN from a day on that began with nothing or less."""
    base = equity[:-1] + flows[1:]
    alive = np.logical_and.accumulate(base > 0)
    returns = np.full(base.shape, np.nan)
    np.divide(equity[1:], base, out=returns, where=alive)
    return returns - 1


def sharpe(excess: Floats) -> float | None:
    """Mean over deviation (ddof 1) of daily excess returns, times sqrt(252)."""
    deviation = _deviation(excess, annual=False)
    return None if not deviation else float(np.mean(excess)) / deviation * math.sqrt(SESSIONS_A_YEAR)


def sortino(returns: Floats, minimum_acceptable: float = 0.0) -> float | None:
    """Mean excess over the root mean square of shortfalls (over all days), times sqrt(252); None without a shortfall."""
    excess = returns - minimum_acceptable
    downside = math.sqrt(float(np.mean(np.minimum(excess, 0.0) ** 2)))
    return None if downside <= _NO_SPREAD else float(np.mean(excess)) / downside * math.sqrt(SESSIONS_A_YEAR)


def max_drawdown(growth: Floats) -> float:
    """Deepest fall from a running peak, as a decimal at most 0; `growth` begins with the initial equity."""
    peak = np.maximum.accumulate(growth)
    return float(min(np.min(growth / peak) - 1, 0.0))


def buy_and_hold(
    dates: Sequence[date], adjusted_closes: npt.ArrayLike, *, risk_free: npt.ArrayLike = 0.0
) -> Performance:
    """Measure holding the underlyings instead: equal amounts at first, dividends reinvested, never traded again.

    Parameters
    ----------
    dates
        The dates of the account's equity, (n,).
    adjusted_closes
        USD, (n,) for one underlying or (n, k) for several.

    Raises
    ------
    InvalidInput
        If a close is missing or not above zero, or as `performance`.
    """
    closes = np.asarray(adjusted_closes, dtype=np.float64)
    if closes.ndim == 1:
        closes = closes[:, np.newaxis]
    if closes.size and not np.all(closes > 0):
        bad = np.argwhere(~(closes > 0))[0]
        raise InvalidInput(
            f"adjusted close at {dates[int(bad[0])]} is {closes[tuple(bad)]}: buy-and-hold needs one above 0 on each date"
        )
    held = np.mean(closes / closes[:1], axis=1) if closes.size else closes[:, 0]
    return performance(dates, held, risk_free=risk_free)


def accrued(rate: float, dates: Sequence[date]) -> Floats:
    """What cash earns from each date's predecessor to it at an annual rate, Act/365, (n,); the first is 0."""
    days = np.array([0, *((after - before).days for before, after in pairwise(dates))], dtype=np.float64)
    return np.asarray(rate * days[: len(dates)] / 365)


def _checked(dates: Sequence[date], equity: npt.ArrayLike, flows: npt.ArrayLike | None) -> tuple[Floats, Floats]:
    value = np.asarray(equity, dtype=np.float64)
    flow = np.zeros_like(value) if flows is None else np.asarray(flows, dtype=np.float64)
    if value.shape != (len(dates),) or flow.shape != value.shape:
        raise InvalidInput(
            f"{len(dates)} dates, equity of shape {value.shape}, flows of shape {flow.shape}: give one of each a date"
        )
    for before, after in pairwise(dates):
        if after <= before:
            raise InvalidInput(f"dates must ascend, but {after} follows {before}")
    for name, series in (("equity", value), ("flow", flow)):
        if not np.all(np.isfinite(series)):
            raise InvalidInput(f"{name} at {dates[int(np.argmin(np.isfinite(series)))]} is not finite")
    return value, flow


def _deviation(returns: Floats, *, annual: bool) -> float | None:
    if len(returns) < 2:
        return None
    deviation = float(np.std(returns, ddof=1))
    if deviation <= _NO_SPREAD:
        deviation = 0.0
    return deviation * math.sqrt(SESSIONS_A_YEAR) if annual else deviation


def _cagr(growth: float, years: float) -> float | None:
    if years <= 0 or growth < 0:
        return None
    try:
        return float(growth ** (1 / years) - 1)
    except OverflowError:
        return None


def _win_rate(profits: Sequence[float]) -> float | None:
    return sum(profit > 0 for profit in profits) / len(profits) if profits else None


def _profit_factor(profits: Sequence[float]) -> float | None:
    losses = -math.fsum(profit for profit in profits if profit < 0)
    return math.fsum(profit for profit in profits if profit > 0) / losses if losses else None
