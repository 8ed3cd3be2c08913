from dataclasses import dataclass, field
from datetime import date

import polars as pl
import pytest

from wheelhouse.errors import NotFound
from wheelhouse.feeds.pipeline import ingest
from wheelhouse.feeds.quality import Rejection, check_bars, check_quotes
from wheelhouse.feeds.sample import SAMPLE_NOW, SampleMarket
from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.events import Terms
from wheelhouse.market.frames import Interval
from wheelhouse.market.instruments import Evidence


@dataclass(frozen=True)
class Receipt:
    accepted: int
    duplicates: int
    rejections: tuple[Rejection, ...]


@dataclass
class MemorySink:
    calendar: TradingCalendar
    keys: set[tuple[object, ...]] = field(default_factory=set)
    terms: dict[str, Terms] = field(default_factory=dict)
    evidence: set[Evidence] = field(default_factory=set)

    def take_terms(self, symbol: str, terms: Terms) -> None:
        self.terms[symbol] = terms

    def take_bars(self, bars: pl.DataFrame, interval: Interval) -> Receipt:
        checked = check_bars(bars, interval, known=self.terms, now=SAMPLE_NOW, calendar=self.calendar)
        return self._keep(checked.good, checked.rejections)

    def take_quotes(self, quotes: pl.DataFrame, evidence: Evidence) -> Receipt:
        self.evidence.add(evidence)
        checked = check_quotes(quotes, known=self.terms, now=SAMPLE_NOW, calendar=self.calendar)
        return self._keep(checked.good, checked.rejections)

    def _keep(self, good: pl.DataFrame, rejections: tuple[Rejection, ...]) -> Receipt:
        keys = set(good.select("symbol", "ts").rows())
        new = keys - self.keys
        self.keys |= keys
        return Receipt(len(new), len(keys) - len(new), rejections)


def test_everything_is_counted_and_a_second_run_finds_duplicates(market: SampleMarket, calendar: TradingCalendar):
    sink = MemorySink(calendar)
    parts: list[float] = []
    span = (date(2010, 1, 1), date(2013, 3, 2))
    first = ingest(
        market, ["AAPL", "IBM"], *span, sink, calendar=calendar, quotes_at=[SAMPLE_NOW], progress=parts.append
    )
    assert first.accepted == len(sink.keys) == sum(entry.rows for entry in first.lineage)
    assert (first.duplicates, first.quarantined, first.completeness) == (0, 0, 1.0)
    assert parts == sorted(parts)
    assert parts[-1] == 1
    assert set(sink.terms) == {"AAPL", "IBM"}
    assert sink.evidence == {Evidence.SIMULATED}
    assert {entry.source for entry in first.lineage} == {"SampleMarket"}
    again = ingest(market, ["AAPL", "IBM"], *span, sink, calendar=calendar, quotes_at=[SAMPLE_NOW])
    assert (again.accepted, again.duplicates) == (0, first.accepted)


def test_sessions_that_the_source_lacks_are_seen(market: SampleMarket, calendar: TradingCalendar):
    found = ingest(market, ["AAPL"], date(2013, 2, 28), date(2013, 3, 6), MemorySink(calendar), calendar=calendar)
    assert found.completeness == pytest.approx(2 / 4)
    assert (
        ingest(
            market, ["AAPL"], date(2013, 3, 2), date(2013, 3, 3), MemorySink(calendar), calendar=calendar
        ).completeness
        is None
    )


def test_an_unknown_symbol_stops_it(market: SampleMarket, calendar: TradingCalendar):
    with pytest.raises(NotFound, match="TSLA"):
        ingest(market, ["TSLA"], date(2013, 1, 1), date(2013, 2, 1), MemorySink(calendar), calendar=calendar)
