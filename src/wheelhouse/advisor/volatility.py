"""How volatile an underlying has been, and which regime that is; made anew only when its daily bars have changed."""

import hashlib
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from wheelhouse.advisor.market import MarketDesk
from wheelhouse.clock import Clock
from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.events import Split
from wheelhouse.market.instruments import normalize_symbol
from wheelhouse.pricing.realized import close_to_close, garman_klass, parkinson, rogers_satchell, yang_zhang
from wheelhouse.risk.regime import MINIMUM, WINDOW, Regime, regime_path

Floats = npt.NDArray[np.float64]

# A month of returns, which takes one close more.
_MONTH: Final = 21
# The sessions that the regime is walked through: enough for any dwell to have passed.
_WALKED: Final = MINIMUM
_LOOK_BACK: Final = timedelta(days=math.ceil((WINDOW + _WALKED) * 365.25 / 252) + 14)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityReading:
    """The volatility of an underlying's past.

    Attributes
    ----------
    as_of
        Close of the last session that it rests on; None without daily bars.
    probabilities
        Filtered; empty if the regime is unknown.
    realized
        Of the last 21 sessions, decimals a year, by estimator; None with fewer bars.
    iv_rank, iv_percentile
        None: implied volatilities of the past are not kept yet.
    """

    as_of: datetime | None
    regime: Regime
    probabilities: Mapping[Regime, float]
    realized: Mapping[str, float | None]
    iv_rank: float | None = None
    iv_percentile: float | None = None


class VolatilityDesk:
    """Reads the volatility of underlyings from their daily bars."""

    def __init__(self, market: MarketDesk, clock: Clock, calendar: TradingCalendar) -> None:
        self._market = market
        self._clock = clock
        self._calendar = calendar
        self._lock = threading.Lock()
        self._made: dict[str, tuple[bytes, VolatilityReading]] = {}

    def reading(self, symbol: str) -> VolatilityReading:
        """Measure an underlying's past.

        Raises
        ------
        NotFound
            Nothing is known of it.
        """
        name = normalize_symbol(symbol)
        start = self._clock.now().astimezone(UTC) - _LOOK_BACK
        terms = self._market.snapshot(name).terms
        bars = self._market.bars(name, "1d", start, None, (WINDOW + _WALKED) * 2)
        days, prices = comparable_prices(bars, terms.splits)
        key = hashlib.sha256(repr(days).encode() + prices.tobytes()).digest()
        with self._lock:
            known = self._made.get(name)
        if known is not None and known[0] == key:
            return known[1]
        made = self._read(days, prices)
        with self._lock:
            self._made[name] = (key, made)
        return made

    def past_returns(self, symbol: str) -> Floats:
        """Logarithmic returns of an underlying's sessions, oldest first, ``(n_sessions,)``; empty without daily bars."""
        start = self._clock.now().astimezone(UTC) - _LOOK_BACK
        bars = self._market.bars(symbol, "1d", start, None, (WINDOW + _WALKED) * 2)
        _, prices = comparable_prices(bars, self._market.snapshot(symbol).terms.splits)
        returns: Floats = np.diff(np.log(prices[3]))
        return returns

    def _read(self, days: list[date], prices: Floats) -> VolatilityReading:
        open_, high, low, close = prices[:, -_MONTH - 1 :]
        enough = close.size > _MONTH
        month = slice(1, None)
        found = {
            "close_to_close": close_to_close(close),
            "parkinson": parkinson(high[month], low[month]),
            "garman_klass": garman_klass(open_[month], high[month], low[month], close[month]),
            "rogers_satchell": rogers_satchell(open_[month], high[month], low[month], close[month]),
            "yang_zhang": yang_zhang(open_, high, low, close),
        }
        path = regime_path(days[1:], np.diff(np.log(prices[3])), last=_WALKED)
        return VolatilityReading(
            as_of=self._close_of(days[-1]) if days else None,
            regime=path.latest,
            probabilities=path.latest_probabilities,
            realized={name: float(value) if enough and math.isfinite(value) else None for name, value in found.items()},
        )

    def _close_of(self, day: date) -> datetime:
        if self._calendar.is_session(day):
            return self._calendar.close_at(day)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)


def comparable_prices(bars: pl.DataFrame, splits: tuple[Split, ...]) -> tuple[list[date], Floats]:
    """Dates, and open, high, low and close as rows, ``(4, n_bars)``, without the jumps of splits.

    Where every bar has an adjusted close all prices are scaled by it; otherwise by the splits of the terms, dividends left in.
    """
    days = [ts.astimezone(UTC).date() for ts in bars.get_column("ts").to_list()]
    prices = bars.select("open", "high", "low", "close").to_numpy().T.astype(np.float64)
    adjusted = bars.get_column("adjusted_close")
    if days and not adjusted.null_count():
        return days, prices * (adjusted.to_numpy() / prices[3])
    factor = np.ones(len(days))
    for split in splits:
        factor[[day < split.ex_date for day in days]] /= float(split.ratio)
    return days, prices * factor
