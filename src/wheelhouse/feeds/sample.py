"""The sample market: thirteen years of real daily bars of four names, with option chains simulated on them.

See ``sample_market.md`` beside this module for where the bars come from and how the chains are made.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.feeds.simulated_prices import FloatArray, Smile
from wheelhouse.feeds.simulated_quotes import Character, Moment, list_contracts, quote_contracts
from wheelhouse.market.calendar import TradingCalendar, new_york_date
from wheelhouse.market.events import Dividend, Split, Terms
from wheelhouse.market.frames import QUOTE_SCHEMA, session_timestamp
from wheelhouse.market.instruments import Evidence, OsiSymbol, is_option_symbol, normalize_symbol, parse_osi

SAMPLE_NOW: Final = datetime(2013, 3, 1, 15, 45, tzinfo=ZoneInfo("America/New_York"))
SAMPLE_LABEL: Final = "sample market, simulated quotes"

# Three-month US Treasury bill, secondary market, average of the year, percent (Federal Reserve H.15, series TB3MS).
_BILL_RATES: Final = {
    2000: 5.82,
    2001: 3.40,
    2002: 1.61,
    2003: 1.01,
    2004: 1.37,
    2005: 3.15,
    2006: 4.73,
    2007: 4.36,
    2008: 1.37,
    2009: 0.15,
    2010: 0.14,
    2011: 0.05,
    2012: 0.09,
    2013: 0.06,
}

# Companies announce dividends and splits about this long before the ex-date.
_NOTICE: Final = timedelta(days=30)
_FIRST_VOLATILITY: Final = 0.40
_VOLATILITY_BOUNDS: Final = (0.12, 1.1)
# Implied volatility exceeds what is realised afterwards by about a tenth.
_PREMIUM: Final = 1.1
_SHORT_HALF_LIFE: Final = 21
_LONG_HALF_LIFE: Final = 252
_LARGEST_RETURN: Final = 0.15

_CHARACTERS: Final = {
    "AAPL": Character(
        smile=Smile(rho=-0.376, eta=1.156, gamma=0.341),
        spread_level=-3.29,
        spread_mid=0.55,
        spread_tenor=0.12,
        spread_wing=0.92,
        spread_residual=0.47,
        interest_level=7.4,
        share_half_spread=0.02,
    ),
    # The fit on GOOG (level -1.48) made its options at 800 USD wider than 10 % of mid throughout; quoted here at half that.
    "GOOG": Character(
        smile=Smile(rho=-0.396, eta=0.755, gamma=0.441),
        spread_level=-2.2,
        spread_mid=0.58,
        spread_tenor=-0.06,
        spread_wing=0.9,
        spread_residual=0.47,
        interest_level=6.6,
        share_half_spread=0.1,
    ),
    "IBM": Character(
        smile=Smile(rho=-0.45, eta=0.95, gamma=0.40),
        spread_level=-3.29,
        spread_mid=0.55,
        spread_tenor=0.12,
        spread_wing=0.92,
        spread_residual=0.47,
        interest_level=6.8,
        share_half_spread=0.02,
    ),
    "MSFT": Character(
        smile=Smile(rho=-0.40, eta=0.95, gamma=0.40),
        spread_level=-3.29,
        spread_mid=0.55,
        spread_tenor=0.12,
        spread_wing=0.92,
        spread_residual=0.47,
        interest_level=7.6,
        share_half_spread=0.01,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _History:
    """One name's sessions as columns, each (n_sessions,); volatilities know only the sessions before."""

    days: list[date]
    open: FloatArray
    close: FloatArray
    volume: FloatArray
    short_volatility: FloatArray
    long_volatility: FloatArray
    dividends: tuple[Dividend, ...]
    splits: tuple[Split, ...]


class SampleMarket:
    """The packaged sample market.

    Parameters
    ----------
    calendar
        Sessions of the New York Stock Exchange.
    """

    def __init__(self, calendar: TradingCalendar) -> None:
        self._calendar = calendar

    @property
    def evidence(self) -> Evidence:
        """Quotes are simulated; the bars under them are recorded."""
        return Evidence.SIMULATED

    def symbols(self) -> tuple[str, ...]:
        """List the names."""
        return tuple(_CHARACTERS)

    def bars(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """Give real daily bars, prices as they traded; adjusted closes equal raw ones on the last day, 2013-03-01."""
        names = [self._name(symbol) for symbol in symbols]
        within = pl.col("ts").is_between(session_timestamp(start), session_timestamp(end), closed="left")
        return _packaged_bars().filter(pl.col("symbol").is_in(names) & within)

    def terms(self, symbol: str, at: datetime | None = None) -> Terms:
        """Give the terms as known at a moment: dividends and splits up to 30 days ahead, the yield of the year before, the bill rate.

        Earnings dates are not in the sample, hence unknown.
        """
        history = _history(self._name(symbol))
        day = new_york_date(at or SAMPLE_NOW)
        announced = day + _NOTICE
        index = max(0, bisect_right(history.days, day) - 1)
        year_before = day - timedelta(days=365)
        paid = sum(
            float(d.amount) for d in history.dividends if year_before < d.ex_date <= day and d.kind == "ordinary"
        )
        year = min(max(day.year, min(_BILL_RATES)), max(_BILL_RATES))
        return Terms(
            rate=round(float(np.log1p(_BILL_RATES[year] / 100)), 6),
            dividend_yield=round(float(np.log1p(paid / history.close[max(0, index - 1)])), 6),
            dividends=tuple(d for d in history.dividends if d.ex_date <= announced),
            splits=tuple(s for s in history.splits if s.ex_date <= announced),
        )

    def quotes(self, symbols: Sequence[str], at: datetime) -> pl.DataFrame:
        """Give quotes at a moment, or outside a session those of the last close.

        Parameters
        ----------
        symbols
            For an equity its own quote and its chain of 8 to 13 expiries; for an option symbol that contract, listed or not, unless it has
            expired.
        at
            Aware. After 2013-03-01 the answer is that of the last close.

        Raises
        ------
        NotFound
            If a symbol is not of the sample.
        InvalidInput
            If `at` lies before the sample.
        """
        wanted = list(dict.fromkeys(normalize_symbol(symbol) for symbol in symbols))
        frames = []
        for name, group in groupby(sorted(wanted, key=_underlying), key=_underlying):
            history = _history(self._name(name))
            own = list(group)
            moment, volume = self._moment(name, history, at)
            contracts = [parse_osi(symbol) for symbol in own if symbol != name]
            if any(contract.root != name for contract in contracts):
                raise NotFound(f"the sample market has no adjusted series, asked for {[c.text for c in contracts]}")
            if name in own:
                frames.append(_share_quote(moment, volume, _CHARACTERS[name]))
                contracts = list(dict.fromkeys(self._listed(moment) + contracts))
            live, years = self._alive(contracts, moment.at)
            if live:
                frames.append(quote_contracts(moment, live, years, _CHARACTERS[name]))
        return pl.concat(frames) if frames else pl.DataFrame(schema=QUOTE_SCHEMA)

    def share_quotes(self, symbols: Sequence[str], at: datetime) -> pl.DataFrame:
        """Give the shares' own quotes at a moment, as `quotes` does, without pricing their chains."""
        frames = []
        for name in sorted({self._name(symbol) for symbol in symbols}):
            moment, volume = self._moment(name, _history(name), at)
            frames.append(_share_quote(moment, volume, _CHARACTERS[name]))
        return pl.concat(frames) if frames else pl.DataFrame(schema=QUOTE_SCHEMA)

    def listed(self, symbol: str, at: datetime) -> list[OsiSymbol]:
        """List the contracts of a name's chain at a moment, without pricing them; `quotes` takes any choice of their symbols."""
        name = self._name(symbol)
        moment, _ = self._moment(name, _history(name), at)
        return self._listed(moment)

    def _name(self, symbol: str) -> str:
        name = normalize_symbol(symbol)
        if name not in _CHARACTERS:
            raise NotFound(f"{symbol!r} is not in the sample market, which has {', '.join(_CHARACTERS)}")
        return name

    def _moment(self, name: str, history: _History, at: datetime) -> tuple[Moment, float]:
        """Find the session that `at` sees, the spot in it, and the shares traded so far."""
        session = self._calendar.session_of(at)
        index = bisect_right(history.days, session) - 1
        if index < 0:
            raise InvalidInput(f"the sample market of {name} begins on {history.days[0]}, asked for {at.isoformat()}")
        day = history.days[index]
        opens, closes = self._calendar.open_at(day), self._calendar.close_at(day)
        stamp = min(at.astimezone(UTC), closes)
        elapsed = (stamp - opens) / (closes - opens)
        spot = round(float(history.open[index] + (history.close[index] - history.open[index]) * elapsed), 2)
        terms = self.terms(name, stamp)
        moment = Moment(
            symbol=name,
            spot=spot,
            at=stamp,
            session=day,
            elapsed=elapsed,
            short_volatility=float(history.short_volatility[index]),
            long_volatility=float(history.long_volatility[index]),
            rate=terms.rate,
            dividend_yield=terms.dividend_yield,
        )
        return moment, float(history.volume[index]) * elapsed

    def _listed(self, moment: Moment) -> list[OsiSymbol]:
        expiries = self._calendar.listed_expiries(moment.session)
        years = np.array([self._calendar.years_to_expiry(expiry, moment.at) for expiry in expiries])
        return list_contracts(moment, [e for e, y in zip(expiries, years, strict=True) if y > 0], years[years > 0])

    def _alive(self, contracts: list[OsiSymbol], at: datetime) -> tuple[list[OsiSymbol], FloatArray]:
        """Drop what has expired, and give the time to expiry of the rest."""
        tenors = {expiry: self._calendar.years_to_expiry(expiry, at) for expiry in {c.expiry for c in contracts}}
        live = [contract for contract in contracts if tenors[contract.expiry] > 0]
        return live, np.array([tenors[contract.expiry] for contract in live])


def _underlying(symbol: str) -> str:
    return parse_osi(symbol).underlying if is_option_symbol(symbol) else symbol


def _share_quote(moment: Moment, volume: float, character: Character) -> pl.DataFrame:
    half = character.share_half_spread
    row = {
        "symbol": [moment.symbol],
        "ts": [moment.at],
        "bid": [round(moment.spot - half, 2)],
        "ask": [round(moment.spot + half, 2)],
        "bid_size": [500.0],
        "ask_size": [500.0],
        "last": [moment.spot],
        "volume": [float(round(volume))],
        "open_interest": [None],
    }
    return pl.DataFrame(row, schema=QUOTE_SCHEMA)


@lru_cache(maxsize=1)
def _packaged_bars() -> pl.DataFrame:
    return pl.read_parquet(files("wheelhouse.feeds").joinpath("sample_market.parquet").read_bytes())


@lru_cache(maxsize=8)
def _history(name: str) -> _History:
    bars = _packaged_bars().filter(pl.col("symbol") == name).sort("ts")
    events = json.loads(files("wheelhouse.feeds").joinpath("sample_events.json").read_text())[name]
    adjusted = bars.get_column("adjusted_close").log().diff()
    # Before the open of a day only the closes before it are known. Crashes are clipped: markets did not price them to recur.
    known = adjusted.clip(-_LARGEST_RETURN, _LARGEST_RETURN).shift(1).fill_null(_FIRST_VOLATILITY / np.sqrt(252))
    short, long = (
        ((known**2).ewm_mean(half_life=half_life, adjust=False) * 252).sqrt() * _PREMIUM
        for half_life in (_SHORT_HALF_LIFE, _LONG_HALF_LIFE)
    )
    return _History(
        days=[ts.date() for ts in bars.get_column("ts").to_list()],
        open=bars.get_column("open").to_numpy(),
        close=bars.get_column("close").to_numpy(),
        volume=bars.get_column("volume").to_numpy(),
        short_volatility=short.clip(*_VOLATILITY_BOUNDS).to_numpy(),
        long_volatility=long.clip(*_VOLATILITY_BOUNDS).to_numpy(),
        dividends=tuple(
            Dividend(ex_date=date.fromisoformat(d["ex_date"]), amount=Decimal(d["amount"]), kind=d["kind"])
            for d in events["dividends"]
        ),
        splits=tuple(
            Split(ex_date=date.fromisoformat(s["ex_date"]), ratio=Fraction(s["ratio"])) for s in events["splits"]
        ),
    )
