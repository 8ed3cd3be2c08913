"""Market data in and out: quotes and bars judged, stored and valued; terms and instruments; states, chains and bars."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import polars as pl

from wheelhouse.clock import Clock
from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.feeds.quality import Checked, Rejection, check_bars, check_quotes
from wheelhouse.feeds.quality_prices import Reference
from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.events import Split, Terms
from wheelhouse.market.frames import Interval
from wheelhouse.market.instruments import Evidence, OptionContract, is_option_symbol, normalize_symbol
from wheelhouse.snapshots import Close, QuoteRow, Snapshot, SnapshotBoard
from wheelhouse.store.protocol import Store
from wheelhouse.store.records import WriteResult

_CLOSING_MARGIN = timedelta(minutes=15)

Watcher = Callable[[Sequence[str]], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Records of one request.

    Attributes
    ----------
    frame
        One row for each record, in their order.
    absent
        For a record that lacks a required field altogether, the field's name, by row.
    """

    frame: pl.DataFrame
    absent: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of a batch; the three counts add up to its length."""

    accepted: int
    duplicates: int
    rejections: tuple[Rejection, ...] = field(default=())

    @property
    def rejected(self) -> int:
        """Number of records that were refused."""
        return len(self.rejections)


class MarketDesk:
    """Judges, keeps and serves market data.

    Parameters
    ----------
    watchers
        Called with the underlyings whose quotes changed, after their snapshots are published; add to it.
    bar_batches
        Rises with every batch of bars, for whoever keeps what it made of them.
    """

    def __init__(self, store: Store, board: SnapshotBoard, clock: Clock, calendar: TradingCalendar) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._calendar = calendar
        self.watchers: list[Watcher] = []
        self.bar_batches = 0

    def load(self) -> None:
        """Rebuild the board from the store."""
        now = self._clock.now()
        generations: dict[str, int] = {}
        generations |= self._board.take_instruments(self._store.instruments().values())
        generations |= self._board.take_terms(self._store.terms())
        generations |= self._board.take_closes(self._closes(self._store.latest_bars("1d")))
        generations |= self._board.take_quotes(self._store.latest_quotes())
        self._board.value(generations, now)

    def refresh(self) -> None:
        """Publish again what time alone has changed."""
        self._board.refresh(self._clock.now())

    # In

    def ingest_quotes(self, batch: Batch, *, evidence: Evidence, replace_conflicts: bool = False) -> Ingested:
        """Judge quotes, store what is good, value what changed, and let working orders meet the new quotes."""
        now = self._clock.now()
        checked = check_quotes(
            batch.frame,
            known=self._board.known(),
            now=now,
            calendar=self._calendar,
            latest=self._references(),
            splits=self._splits(),
            absent=batch.absent,
        )
        written, rejections = self._settle(
            "quotes",
            batch,
            checked,
            lambda good: self._store.write_quotes(good, evidence=evidence, replace=replace_conflicts),
        )
        stored = _without(checked.good, written.conflicts)
        generations = self._board.take_quotes(stored.with_columns(evidence=pl.lit(evidence.value)))
        self._board.value(generations, now)
        if generations:
            for watcher in self.watchers:
                watcher(sorted(generations))
        return Ingested(accepted=written.accepted, duplicates=written.duplicates, rejections=rejections)

    def ingest_bars(self, batch: Batch, *, interval: Interval, replace_conflicts: bool = False) -> Ingested:
        """Judge bars and store what is good; a daily close is the spot of a name without a quote."""
        now = self._clock.now()
        checked = check_bars(
            batch.frame,
            interval,
            known=self._board.known(),
            now=now,
            calendar=self._calendar,
            latest=self._references(),
            splits=self._splits(),
            absent=batch.absent,
        )
        written, rejections = self._settle(
            "bars", batch, checked, lambda good: self._store.write_bars(interval, good, replace=replace_conflicts)
        )
        if interval == "1d":
            self.bar_batches += 1
            stored = _without(checked.good, written.conflicts)
            newest = stored.sort("ts").unique("symbol", keep="last")
            self._board.value(self._board.take_closes(self._closes(newest)), now)
        return Ingested(accepted=written.accepted, duplicates=written.duplicates, rejections=rejections)

    def put_terms(self, symbol: str, terms: Terms) -> Terms:
        """Replace the terms of an underlying.

        Raises
        ------
        InvalidInput
            The symbol is malformed or an option's.
        """
        underlying = normalize_symbol(symbol)
        if is_option_symbol(underlying):
            raise InvalidInput(f"{underlying!r} is an option; terms belong to its underlying")
        self._store.put_terms(underlying, terms)
        self._board.value(self._board.take_terms({underlying: terms}), self._clock.now())
        return terms

    def put_instruments(self, contracts: Sequence[OptionContract]) -> None:
        """Store contracts that differ from what their symbols say."""
        self._store.put_instruments(contracts)
        self._board.value(self._board.take_instruments(contracts), self._clock.now())

    # Out

    def snapshot(self, symbol: str) -> Snapshot:
        """The latest snapshot of an underlying.

        Raises
        ------
        NotFound
            Nothing is known of it.
        """
        underlying = normalize_symbol(symbol)
        snapshot = self._board.snapshot(underlying)
        if snapshot is None:
            raise NotFound(f"nothing is known of {underlying!r}: no quote, bar, terms or instrument of it has arrived")
        return snapshot

    def state(self, symbol: str) -> tuple[Literal["fresh", "stale", "missing"], float | None]:
        """Whether an underlying's spot is fresh, and its age in seconds of session time."""
        return self._board.state(normalize_symbol(symbol), self._clock.now())

    def age(self, ts: datetime) -> tuple[bool, float]:
        """Whether a datum of this time is fresh now, and its age in seconds of session time."""
        now = self._clock.now()
        return self._board.is_fresh(ts, now), self._calendar.session_age_seconds(ts, now)

    def quote(self, symbol: str) -> QuoteRow | None:
        """The latest quote of a symbol as `normalize_symbol` writes it."""
        return self._board.quote(symbol)

    def is_closing(self, ts: datetime, closed: datetime) -> bool:
        """Whether a time lies in the final 15 minutes of the session that closed then, or up to 15 minutes after."""
        return abs(ts - closed) <= _CLOSING_MARGIN

    def bars(
        self, symbol: str, interval: Interval, start: datetime | None, end: datetime | None, limit: int
    ) -> pl.DataFrame:
        """Bars of a symbol, oldest first; `start` inclusive, `end` exclusive.

        Raises
        ------
        NotFound
            Nothing is known of the symbol.
        """
        normal = normalize_symbol(symbol)
        frame = self._store.bars(normal, interval, start, end, limit)
        if frame.is_empty() and not self._board.is_known(normal) and not self._has_bars(normal):
            raise NotFound(f"nothing is known of {normal!r}")
        return frame

    # Inside

    def _has_bars(self, symbol: str) -> bool:
        intervals: tuple[Interval, ...] = ("1d", "1m")
        return any(not self._store.bars(symbol, interval, limit=1).is_empty() for interval in intervals)

    def _settle(
        self, kind: str, batch: Batch, checked: Checked, write: Callable[[pl.DataFrame], WriteResult]
    ) -> tuple[WriteResult, tuple[Rejection, ...]]:
        written = write(checked.good)
        conflicts = [
            Rejection(
                index=int(checked.good_rows[row]),
                rule="conflict",
                detail="this symbol and time are stored with other values; an admin may replace them with ?replace=true",
            )
            for row in written.conflicts
        ]
        refused = sorted([*checked.rejections, *conflicts], key=lambda it: it.index)
        if refused:
            self._store.quarantine(kind, batch.frame, refused, received_at=self._clock.now())
        return written, tuple(refused)

    def _references(self) -> Mapping[str, Reference]:
        found = {}
        for symbol in self._board.symbols():
            snapshot = self._board.snapshot(symbol)
            if snapshot is not None and snapshot.spot is not None and snapshot.as_of is not None:
                found[symbol] = Reference(price=snapshot.spot, ts=snapshot.as_of)
        return found

    def _splits(self) -> Mapping[str, Sequence[Split]]:
        return {symbol: self._board.terms(symbol).splits for symbol in self._board.symbols()}

    def _closes(self, bars: pl.DataFrame) -> Mapping[str, Close]:
        rows = bars.select("symbol", "ts", "close").iter_rows()
        return {symbol: Close(ts=self._close_of(ts.astimezone(UTC).date()), close=close) for symbol, ts, close in rows}

    def _close_of(self, day: date) -> datetime:
        if self._calendar.is_session(day):
            return self._calendar.close_at(day)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _without(frame: pl.DataFrame, rows: Sequence[int]) -> pl.DataFrame:
    if not rows:
        return frame
    return frame.with_row_index("row").filter(~pl.col("row").is_in(list(rows))).drop("row")
