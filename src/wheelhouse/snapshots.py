"""The latest market of every underlying, held in memory: its quote, its last close, and its chain valued once when quotes arrive.

The store is the truth and this a projection of it: `SnapshotBoard.load` rebuilds all of it from the store's latest rows. Readers get
published, immutable snapshots and never compute; whoever brings quotes in waits for the valuation that contains them, and
valuations of one underlying that are asked for at once are done once.
"""

import math
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.chain import ChainSnapshot, build_chain
from wheelhouse.market.events import Terms
from wheelhouse.market.frames import QUOTE_SCHEMA
from wheelhouse.market.instruments import (
    Evidence,
    Exercise,
    OptionContract,
    Settlement,
    SettlementTime,
    contract_from_osi,
    parse_osi,
)
from wheelhouse.pricing.valuation import ValuedChain, value_chain

DataState = Literal["fresh", "stale", "missing"]

_OSI_LENGTH = 21


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """The latest quote of one symbol; None is unknown."""

    symbol: str
    ts: datetime
    bid: float | None
    ask: float | None
    bid_size: float | None
    ask_size: float | None
    last: float | None
    volume: float | None
    open_interest: float | None
    evidence: Evidence

    @property
    def mid(self) -> float | None:
        """Middle of a two-sided quote that is not crossed, USD per share."""
        if self.bid is None or self.ask is None or self.bid <= 0 or self.ask < self.bid:
            return None
        return (self.bid + self.ask) / 2

    @property
    def mark(self) -> float | None:
        """Mid; with a zero bid half of the ask; else None."""
        if self.mid is None and self.bid == 0 and self.ask is not None and self.ask > 0:
            return self.ask / 2
        return self.mid


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The last daily close of a symbol and the instant at which that session closed."""

    ts: datetime
    close: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """One underlying at one moment.

    Attributes
    ----------
    spot
        Mid of the underlying's quote, else its last close (also if that came after the quote); None if neither is known.
    as_of
        When the spot was current.
    evidence
        What kind of datum the spot is.
    chain
        The valued chain; None without option quotes or without a spot.
    generation
        Rises with every change of what the snapshot rests on.
    """

    symbol: str
    spot: float | None
    bid: float | None
    ask: float | None
    as_of: datetime | None
    evidence: Evidence | None
    chain: ValuedChain | None
    terms: Terms
    generation: int
    rows: Mapping[str, int] = field(default_factory=dict)

    def contract_row(self, symbol: str) -> int | None:
        """Where a contract stands in the chain; None if it is not in it."""
        return self.rows.get(symbol)


def _row(values: Sequence[Any]) -> QuoteRow:
    """A row of a frame with the columns of `QUOTE_SCHEMA` in their order, then the evidence."""
    return QuoteRow(**dict(zip(QUOTE_SCHEMA.names(), values, strict=False)), evidence=Evidence(values[-1]))


def _spot(
    quote: QuoteRow | None, close: Close | None, now: datetime
) -> tuple[float | None, datetime | None, Evidence | None]:
    """The middle of the quote, else the last close; a close that came after the quote takes its place."""
    mid = None if quote is None else quote.mid
    if quote is not None and mid is not None and (close is None or not quote.ts < close.ts <= now):
        return mid, quote.ts, quote.evidence
    if close is not None:
        return close.close, min(close.ts, now), Evidence.RECORDED
    return None, None, None


class _Contracts(Mapping[str, OptionContract]):
    """Contracts that differ from what their symbols say: those that were put, and those whose underlying's terms say more.

    Parameters
    ----------
    instruments
        Contracts that were put, by symbol; a live view.
    """

    def __init__(self, instruments: Mapping[str, OptionContract], calendar: TradingCalendar) -> None:
        self._instruments = instruments
        self._calendar = calendar
        self._terms: dict[str, Terms] = {}
        self._made: dict[str, OptionContract] = {}

    def take_terms(self, terms: Mapping[str, Terms]) -> None:
        """Note which underlyings' options are not American, physically settled and decided at the close."""
        unusual = {name: it for name, it in self._terms.items() if name not in terms} | {
            name: it
            for name, it in terms.items()
            if (it.exercise, it.settlement, it.settlement_time)
            != (Exercise.AMERICAN, Settlement.PHYSICAL, SettlementTime.PM)
        }
        self._terms, self._made = unusual, {}

    def forget(self, symbols: Iterable[str]) -> None:
        """Make these contracts anew when they are next asked for."""
        for symbol in symbols:
            self._made.pop(symbol, None)

    def __getitem__(self, symbol: str) -> OptionContract:
        put = self._instruments.get(symbol)
        if not self._terms or len(symbol) != _OSI_LENGTH:
            if put is None:
                raise KeyError(symbol)
            return put
        made = self._made.get(symbol)
        if made is None:
            made = self._make(symbol, put)
            self._made[symbol] = made
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._instruments)

    def __len__(self) -> int:
        return len(self._instruments)

    def _make(self, symbol: str, put: OptionContract | None) -> OptionContract:
        underlying = parse_osi(symbol).underlying if put is None else put.underlying
        terms = self._terms.get(underlying)
        if terms is None:
            if put is None:
                raise KeyError(symbol)
            return put
        if put is not None:
            return replace(put, settlement=terms.settlement, settlement_time=terms.settlement_time)
        return contract_from_osi(
            symbol,
            exercise=terms.exercise,
            settlement=terms.settlement,
            settlement_time=terms.settlement_time,
            last_trading_day=lambda day: self._calendar.last_trading_day(day, terms.settlement_time),
        )


class SnapshotBoard:
    """The latest snapshots of all underlyings; safe to use from several threads.

    Parameters
    ----------
    calendar
        Sessions, for ages and expiries.
    stale_after
        Seconds of session time after which a quote is stale.
    default_terms
        Terms of an underlying that has none.
    """

    def __init__(self, calendar: TradingCalendar, *, stale_after: float, default_terms: Terms) -> None:
        self._calendar = calendar
        self._stale_after = stale_after
        self._default_terms = default_terms
        self._lock = threading.Lock()
        self._valuing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._quotes: dict[str, QuoteRow] = {}
        self._marks: dict[str, float] = {}
        self._options: defaultdict[str, set[str]] = defaultdict(set)
        self._closes: dict[str, Close] = {}
        self._terms: dict[str, Terms] = {}
        self._instruments: dict[str, OptionContract] = {}
        self._contracts = _Contracts(self._instruments, calendar)
        self._generation: defaultdict[str, int] = defaultdict(int)
        self._snapshots: dict[str, Snapshot] = {}

    # What it rests on

    def take_quotes(self, frame: pl.DataFrame) -> dict[str, int]:
        """Take quotes in; late ones of a symbol that has newer ones are passed over.

        Parameters
        ----------
        frame
            `QUOTE_SCHEMA` and a column `evidence`.

        Returns
        -------
        dict
            The underlyings that changed and the generation that contains the change; pass it to `value`.
        """
        columns = [*QUOTE_SCHEMA.names(), "evidence"]
        changed: set[str] = set()
        with self._lock:
            for values in frame.select(columns).iter_rows():
                row = _row(values)
                known = self._quotes.get(row.symbol)
                if known is not None and known.ts > row.ts:
                    continue
                self._quotes[row.symbol] = row
                if row.mark is not None:
                    self._marks[row.symbol] = row.mark
                underlying = self._underlying(row.symbol)
                if underlying != row.symbol:
                    self._options[underlying].add(row.symbol)
                changed.add(underlying)
            return self._advance(changed)

    def take_closes(self, closes: Mapping[str, Close]) -> dict[str, int]:
        """Take daily closes in; earlier ones than known are passed over. Returns as `take_quotes`."""
        changed: set[str] = set()
        with self._lock:
            for symbol, close in closes.items():
                known = self._closes.get(symbol)
                if known is None or close.ts >= known.ts:
                    self._closes[symbol] = close
                    changed.add(symbol)
            return self._advance(changed)

    def take_terms(self, terms: Mapping[str, Terms]) -> dict[str, int]:
        """Take terms in. Returns as `take_quotes`."""
        with self._lock:
            self._terms.update(terms)
            self._contracts.take_terms(terms)
            return self._advance(terms)

    def take_instruments(self, contracts: Iterable[OptionContract]) -> dict[str, int]:
        """Take contracts in that differ from what their symbols say. Returns as `take_quotes`."""
        changed: set[str] = set()
        with self._lock:
            for contract in contracts:
                changed.add(self._underlying(contract.symbol))
                self._instruments[contract.symbol] = contract
                self._contracts.forget([contract.symbol])
                changed.add(contract.underlying)
                if contract.symbol in self._quotes:
                    self._options[contract.underlying].add(contract.symbol)
            return self._advance(changed)

    # Valuing

    def value(self, generations: Mapping[str, int], now: datetime) -> None:
        """Publish snapshots that contain at least these generations; blocks until they are published."""
        for underlying, generation in generations.items():
            with self._valuing[underlying]:
                published = self._snapshots.get(underlying)
                if published is None or published.generation < generation:
                    self._publish(underlying, now)

    def refresh(self, now: datetime) -> None:
        """Publish again what time alone has changed: quotes that went stale, contracts that expired, a close that has happened."""
        for underlying, snapshot in list(self._snapshots.items()):
            if self._has_aged(snapshot, now):
                with self._valuing[underlying]:
                    self._publish(underlying, now)

    # Reading

    def snapshot(self, underlying: str) -> Snapshot | None:
        """The published snapshot; None if nothing is known of the symbol."""
        return self._snapshots.get(underlying)

    def symbols(self) -> list[str]:
        """Underlyings of which something is known, sorted."""
        return sorted(self._snapshots)

    def is_known(self, underlying: str) -> bool:
        """Whether the market has a quote, a close, terms or an instrument of the underlying."""
        return underlying in self._generation

    def known(self) -> frozenset[str]:
        """All underlyings for which `is_known` holds."""
        return frozenset(self._generation)

    def quote(self, symbol: str) -> QuoteRow | None:
        """The latest quote of any symbol."""
        return self._quotes.get(symbol)

    def last_mark(self, symbol: str) -> float | None:
        """The mark of the last quote that had one, else the last close; None if there never was either."""
        mark = self._marks.get(symbol)
        close = self._closes.get(symbol)
        return mark if mark is not None or close is None else close.close

    def quotes(self) -> Mapping[str, QuoteRow]:
        """The latest quotes of all symbols; a live view, not to be changed."""
        return self._quotes

    def terms(self, underlying: str) -> Terms:
        """The terms of an underlying, the default ones if it has none."""
        return self._terms.get(underlying, self._default_terms)

    def contracts(self) -> Mapping[str, OptionContract]:
        """Contracts that differ from what their symbols say, by what was put or by terms; a live view."""
        return self._contracts

    def state(self, underlying: str, now: datetime) -> tuple[DataState, float | None]:
        """Whether the underlying's spot is fresh, and its age in seconds of session time."""
        snapshot = self._snapshots.get(underlying)
        if snapshot is None or snapshot.as_of is None:
            return "missing", None
        age = self._calendar.session_age_seconds(snapshot.as_of, now)
        return ("fresh" if self.is_fresh(snapshot.as_of, now) else "stale"), age

    def is_fresh(self, ts: datetime, now: datetime) -> bool:
        """Whether a datum of this time is fresh now."""
        return self._calendar.is_fresh(ts, now, self._stale_after)

    # Inside

    def _underlying(self, symbol: str) -> str:
        if len(symbol) != _OSI_LENGTH:
            return symbol
        contract = self._instruments.get(symbol)
        return contract.underlying if contract is not None else parse_osi(symbol).underlying

    def _advance(self, underlyings: Iterable[str]) -> dict[str, int]:
        for underlying in underlyings:
            self._generation[underlying] += 1
        return {underlying: self._generation[underlying] for underlying in underlyings}

    def _publish(self, underlying: str, now: datetime) -> None:
        with self._lock:
            generation = self._generation[underlying]
            quote = self._quotes.get(underlying)
            close = self._closes.get(underlying)
            options = [self._quotes[symbol] for symbol in sorted(self._options.get(underlying, ()))]
            terms = self.terms(underlying)
            instruments = {s: c for s, c in self._instruments.items() if c.underlying == underlying}
        spot, as_of, evidence = _spot(quote, close, now)
        snapshot = Snapshot(
            symbol=underlying,
            spot=spot,
            bid=quote.bid if quote is not None else None,
            ask=quote.ask if quote is not None else None,
            as_of=as_of,
            evidence=evidence,
            chain=None,
            terms=terms,
            generation=generation,
        )
        if options and snapshot.spot is not None:
            chain = self._build(snapshot, options, instruments, now)
            valued = value_chain(
                chain,
                priced_at=now,
                stale=self._stale(chain, now),
                deliverable_value=self._delivered(chain, snapshot.spot, instruments),
            )
            snapshot = replace(snapshot, chain=valued, rows={symbol: i for i, symbol in enumerate(chain.symbols)})
        self._snapshots[underlying] = snapshot

    def _build(
        self, snapshot: Snapshot, options: list[QuoteRow], instruments: Mapping[str, OptionContract], now: datetime
    ) -> ChainSnapshot:
        frame = pl.DataFrame(
            {name: [getattr(row, name) for row in options] for name in QUOTE_SCHEMA.names()}, schema=QUOTE_SCHEMA
        )
        newest = max(row.ts for row in options)
        as_of = max(newest, snapshot.as_of) if snapshot.as_of is not None else newest
        chain = build_chain(
            snapshot.symbol,
            frame,
            spot=snapshot.spot if snapshot.spot is not None else math.nan,
            as_of=as_of,
            terms=snapshot.terms,
            calendar=self._calendar,
            evidence=options[0].evidence,
            instruments=instruments,
        )
        # Times to expiry count from the quotes; what has expired since then is no longer listed.
        return chain.select(~self._expired(chain, now))

    def _delivered(
        self, chain: ChainSnapshot, spot: float, instruments: Mapping[str, OptionContract]
    ) -> npt.NDArray[np.float64]:
        """What one contract of each adjusted series delivers, per USD of its exercise multiplier; NaN if unknown, and of the others."""
        values = np.full(len(chain), np.nan)
        for i in np.flatnonzero(~chain.standard):
            contract = instruments.get(chain.symbols[i])
            if contract is None:
                continue
            value = float(contract.deliverable.cash)
            for symbol, shares in contract.deliverable.shares:
                other = self._snapshots.get(symbol)
                price = spot if symbol == chain.underlying else None if other is None else other.spot
                value += math.nan if price is None else shares * price
            values[i] = value / contract.exercise_multiplier
        return values

    def _expired(self, chain: ChainSnapshot, now: datetime) -> npt.NDArray[np.bool_]:
        elapsed = max(0.0, (now - chain.as_of).total_seconds()) / (365 * 86_400)
        return np.asarray(chain.years_to_expiry <= elapsed)

    def _stale(self, chain: ChainSnapshot, now: datetime) -> npt.NDArray[np.bool_]:
        stamps, inverse = np.unique(chain.quote_ts, return_inverse=True)
        stale = [
            not self.is_fresh(stamp.replace(tzinfo=UTC), now) for stamp in stamps.astype("datetime64[us]").tolist()
        ]
        return np.array(stale, dtype=bool)[inverse]

    def _has_aged(self, snapshot: Snapshot, now: datetime) -> bool:
        spot, _, _ = _spot(self._quotes.get(snapshot.symbol), self._closes.get(snapshot.symbol), now)
        if spot != snapshot.spot:
            return True
        if snapshot.chain is None:
            return False
        chain = snapshot.chain.chain
        flagged = np.array(["stale" in flags for flags in snapshot.chain.flags], dtype=bool)
        return bool(self._expired(chain, now).any() or (self._stale(chain, now) != flagged).any())
