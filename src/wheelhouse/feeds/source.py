"""What a source of market data can be asked."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol, runtime_checkable

import polars as pl

from wheelhouse.market.events import Terms
from wheelhouse.market.instruments import Evidence


@runtime_checkable
class MarketDataSource(Protocol):
    """A source of bars, quotes and terms. Every method raises `NotFound` for a symbol that the source does not have."""

    @property
    def evidence(self) -> Evidence:
        """What kind of data the quotes are."""
        ...

    def symbols(self) -> tuple[str, ...]:
        """List the underlyings on offer."""
        ...

    def bars(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """Give daily bars (`frames.BAR_SCHEMA`) of sessions from start (inclusive) to end (exclusive)."""
        ...

    def quotes(self, symbols: Sequence[str], at: datetime) -> pl.DataFrame:
        """Give the latest quotes at a moment (`frames.QUOTE_SCHEMA`): for an equity its own and its option chain's, for an option its own."""
        ...

    def terms(self, symbol: str, at: datetime | None = None) -> Terms:
        """Give rate, yield and events of an underlying as known at a moment, by default the last one the source knows."""
        ...
