"""Take data from a source into wheelhouse, in batches, counting what became of every row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Protocol

import polars as pl

from wheelhouse.feeds.source import MarketDataSource
from wheelhouse.market.calendar import TradingCalendar, new_york_date
from wheelhouse.market.events import Terms
from wheelhouse.market.frames import Interval
from wheelhouse.market.instruments import Evidence

_BATCH_DAYS: Final = 366


class Received(Protocol):
    """What became of a batch."""

    @property
    def accepted(self) -> int:
        """Rows stored now."""

    @property
    def duplicates(self) -> int:
        """Rows that were stored already."""

    @property
    def rejections(self) -> Sequence[object]:
        """Rows kept out, each with its reason."""


class Sink(Protocol):
    """What takes the data: it judges, stores and quarantines."""

    def take_terms(self, symbol: str, terms: Terms) -> None:
        """Store an underlying's terms in place of those it had."""

    def take_bars(self, bars: pl.DataFrame, interval: Interval) -> Received:
        """Take bars of one interval."""

    def take_quotes(self, quotes: pl.DataFrame, evidence: Evidence) -> Received:
        """Take quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where some rows came from: source, what was asked, how many came and what became of them."""

    source: str
    symbol: str
    kind: str
    start: str
    end: str
    rows: int
    accepted: int
    duplicates: int
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingestion:
    """What an ingestion did.

    Attributes
    ----------
    completeness
        Part of the sessions asked for that have a daily bar, 0 to 1; None if no session was asked for.
    """

    accepted: int
    duplicates: int
    quarantined: int
    completeness: float | None
    lineage: tuple[Lineage, ...]


def ingest(
    source: MarketDataSource,
    symbols: Sequence[str],
    start: date,
    end: date,
    sink: Sink,
    *,
    calendar: TradingCalendar,
    quotes_at: Sequence[datetime] = (),
    progress: Callable[[float], None] = lambda _: None,
) -> Ingestion:
    """Take terms, daily bars from start (inclusive) to end (exclusive), and quotes at given moments.

    Bars come in batches of a year, so memory stays bounded; running the same ingestion again only finds duplicates.

    Parameters
    ----------
    progress
        Called with the part that is done, 0 to 1.

    Raises
    ------
    NotFound
        If the source does not have a symbol; what was taken before stays.
    """
    name = type(source).__name__
    lineage: list[Lineage] = []
    batches = _batches(start, end)
    steps = len(symbols) * (1 + len(batches) + len(quotes_at))
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        progress(done / steps)

    expected = found = 0
    for symbol in symbols:
        known_at = max(quotes_at) if quotes_at else calendar.close_at(calendar.previous_session(end))
        sink.take_terms(symbol, source.terms(symbol, known_at))
        advance()
        for first, last in batches:
            bars = source.bars([symbol], first, last)
            received = sink.take_bars(bars, "1d")
            lineage.append(
                _lineage(name, symbol, "bars-1d", first.isoformat(), last.isoformat(), bars.height, received)
            )
            expected += len(calendar.sessions(first, last))
            found += bars.get_column("ts").n_unique()
            advance()
        for moment in quotes_at:
            quotes = source.quotes([symbol], moment)
            received = sink.take_quotes(quotes, source.evidence)
            day = new_york_date(moment).isoformat()
            lineage.append(_lineage(name, symbol, "quotes", day, moment.isoformat(), quotes.height, received))
            advance()
    return Ingestion(
        accepted=sum(entry.accepted for entry in lineage),
        duplicates=sum(entry.duplicates for entry in lineage),
        quarantined=sum(entry.quarantined for entry in lineage),
        completeness=found / expected if expected else None,
        lineage=tuple(lineage),
    )


def _batches(start: date, end: date) -> list[tuple[date, date]]:
    bounds = []
    while start < end:
        stop = min(end, start + timedelta(days=_BATCH_DAYS))
        bounds.append((start, stop))
        start = stop
    return bounds


def _lineage(source: str, symbol: str, kind: str, start: str, end: str, rows: int, received: Received) -> Lineage:
    return Lineage(
        source=source,
        symbol=symbol,
        kind=kind,
        start=start,
        end=end,
        rows=rows,
        accepted=received.accepted,
        duplicates=received.duplicates,
        quarantined=len(received.rejections),
    )
