"""What a replay asks of a market, and the market at one instant, sampled no further than it is asked for."""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

import polars as pl

from wheelhouse.broker.fills import QuoteView
from wheelhouse.broker.settlement import SettlementPrice
from wheelhouse.errors import InvalidInput
from wheelhouse.feeds.source import MarketDataSource
from wheelhouse.ledger.contracts import Contracts
from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.chain import ChainSnapshot, build_chain
from wheelhouse.market.events import Terms
from wheelhouse.market.frames import QUOTE_SCHEMA
from wheelhouse.market.instruments import OsiSymbol, SettlementTime

_PLACE = {name: place for place, name in enumerate(QUOTE_SCHEMA.names())}


class ReplaySource(MarketDataSource, Protocol):
    """A source that can be sampled in parts: a share without its chain, a listing without its prices."""

    def share_quotes(self, symbols: Sequence[str], at: datetime) -> pl.DataFrame:
        """Give the shares' own quotes at a moment (`frames.QUOTE_SCHEMA`)."""
        ...

    def listed(self, symbol: str, at: datetime) -> list[OsiSymbol]:
        """List the contracts of a name's chain at a moment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyBars:
    """Official prices of one name, USD, by session; each list has the length of `days`.

    Attributes
    ----------
    adjusted
        Closes with dividends reinvested and splits undone.
    """

    days: list[date]
    opens: list[float]
    closes: list[float]
    adjusted: list[float]

    def at(self, symbol: str, day: date) -> int:
        """Where a session stands in the lists.

        Raises
        ------
        InvalidInput
            If there is no bar of it.
        """
        place = bisect_left(self.days, day)
        if place == len(self.days) or self.days[place] != day:
            known = f"bars reach from {self.days[0]} to {self.days[-1]}" if self.days else "there are no bars"
            raise InvalidInput(
                f"{symbol} has no daily bar of {day}: {known}; a replay needs one of each of its sessions"
            )
        return place


def daily_bars(source: MarketDataSource, symbol: str, start: date, end: date) -> DailyBars:
    """Read the bars of one name from start (inclusive) to end (exclusive)."""
    frame = source.bars([symbol], start, end).sort("ts")
    return DailyBars(
        days=[ts.date() for ts in frame.get_column("ts").to_list()],
        opens=frame.get_column("open").to_list(),
        closes=frame.get_column("close").to_list(),
        adjusted=frame.get_column("adjusted_close").to_list(),
    )


def settlement_prices(bars: Mapping[str, DailyBars]) -> SettlementPrice:
    """Make the official prices of bars answer for `broker.settlement`."""

    def price(symbol: str, day: date, at: SettlementTime) -> Decimal | None:
        if symbol not in bars:
            return None
        own = bars[symbol]
        place = own.at(symbol, day)
        return exact((own.closes if at is SettlementTime.PM else own.opens)[place])

    return price


class Instant:
    """The market at one instant. Quotes of options are sampled once, when they are first asked for.

    Parameters
    ----------
    spot
        Gives the official price of a name where it stands for the middle of the quote, as after the close; None for the quote.
    """

    def __init__(
        self,
        source: ReplaySource,
        calendar: TradingCalendar,
        at: datetime,
        *,
        contracts: Contracts,
        spot: Callable[[str], float] | None = None,
    ) -> None:
        self.at = at
        self._source = source
        self._calendar = calendar
        self._contracts = contracts
        self._official = spot
        self._rows: dict[str, tuple[object, ...]] = {}
        self._terms: dict[str, Terms] = {}

    def terms(self, name: str) -> Terms:
        """Terms as known at the instant."""
        if name not in self._terms:
            self._terms[name] = self._source.terms(name, self.at)
        return self._terms[name]

    def spot(self, name: str) -> float:
        """USD per share: the middle of the quote, after the close the official price."""
        if self._official is not None:
            return self._official(name)
        self._share(name)
        bid, ask = self._sides(name)
        return math.nan if bid is None or ask is None else (bid + ask) / 2

    def listed(self, name: str) -> list[OsiSymbol]:
        """List the contracts of a name's chain."""
        return self._source.listed(name, self.at)

    def sample(self, symbols: Iterable[str]) -> None:
        """Quote these options, those that were not quoted before."""
        wanted = [symbol for symbol in symbols if symbol not in self._rows]
        if wanted:
            self._take(self._source.quotes(wanted, self.at))

    def chain(self, name: str, symbols: Iterable[str]) -> ChainSnapshot:
        """Build the chain of these contracts of a name; those that are not quoted any more are left out."""
        wanted = sorted(set(symbols))
        self.sample(wanted)
        rows = [self._rows[symbol] for symbol in wanted if symbol in self._rows]
        return build_chain(
            name,
            pl.DataFrame(rows, schema=QUOTE_SCHEMA, orient="row"),
            spot=self.spot(name),
            as_of=self.at,
            terms=self.terms(name),
            calendar=self._calendar,
            evidence=self._source.evidence,
            instruments={symbol: self._contracts[symbol] for symbol in wanted if symbol in self._contracts},
        )

    def views(self, symbols: Iterable[str]) -> dict[str, QuoteView]:
        """What a broker sees of these options; unquoted ones are absent."""
        wanted = list(symbols)
        self.sample(wanted)
        return {symbol: self._view(symbol) for symbol in wanted if symbol in self._rows}

    def mark(self, symbol: str) -> Decimal | None:
        """USD per share that an option is valued at: mid; with a zero bid half of the ask; None without a quote."""
        self.sample([symbol])
        if symbol not in self._rows:
            return None
        bid, ask = self._sides(symbol)
        if bid is None or ask is None or ask <= 0 or bid > ask:
            return None
        return (exact(bid) + exact(ask)) / 2

    def _share(self, name: str) -> None:
        if name not in self._rows:
            self._take(self._source.share_quotes([name], self.at))

    def _take(self, frame: pl.DataFrame) -> None:
        for row in frame.iter_rows():
            self._rows[row[0]] = row

    def _sides(self, symbol: str) -> tuple[float | None, float | None]:
        return self._number(symbol, "bid"), self._number(symbol, "ask")

    def _view(self, symbol: str) -> QuoteView:
        ts = self._rows[symbol][_PLACE["ts"]]
        if not isinstance(ts, datetime):
            raise InvalidInput(f"the quote of {symbol} at {self.at.isoformat()} has no time")
        bid, ask, bid_size, ask_size = (self._number(symbol, side) for side in ("bid", "ask", "bid_size", "ask_size"))
        return QuoteView.of(symbol, bid, ask, ts, bid_size, ask_size)

    def _number(self, symbol: str, column: str) -> float | None:
        value = self._rows[symbol][_PLACE[column]]
        return value if isinstance(value, float) else None


def exact(price: float) -> Decimal:
    """Read a price of floats as the decimal that it is written as."""
    return Decimal(str(round(price, 6)))
