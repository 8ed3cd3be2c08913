"""Ingestions: bringing a source's bars, terms and quotes in, in the background, with what became of them."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import uuid4

import polars as pl

from wheelhouse.advisor.market import Batch, Ingested, MarketDesk
from wheelhouse.clock import Clock
from wheelhouse.errors import InvalidInput, NotFound, WheelhouseError
from wheelhouse.feeds.sample import SAMPLE_LABEL, SampleMarket
from wheelhouse.feeds.source import MarketDataSource
from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.instruments import normalize_symbol
from wheelhouse.telemetry import logger

State = Literal["queued", "running", "done", "failed", "cancelled"]

#: Bars that come without a start: enough for volatilities and value at risk.
_USUAL_HISTORY = timedelta(days=365)
_log = logger("wheelhouse.ingestion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingestion:
    """One ingestion and how far it is.

    Attributes
    ----------
    progress
        From 0 to 1.
    completeness
        Accepted and known records of all that came, from 0 to 1; None before any came.
    lineage
        What was read from where, in words, in order.
    """

    id: str
    source: str
    symbols: tuple[str, ...]
    start: date | None
    end: date | None
    state: State = "queued"
    progress: float = 0.0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    lineage: tuple[str, ...] = field(default=())
    error: str | None = None

    @property
    def completeness(self) -> float | None:
        """Share of the records that are stored now."""
        total = self.accepted + self.duplicates + self.quarantined
        return (self.accepted + self.duplicates) / total if total else None


class IngestionDesk:
    """Runs ingestions one after another in a thread of their own."""

    def __init__(self, market: MarketDesk, clock: Clock, calendar: TradingCalendar) -> None:
        self._market = market
        self._clock = clock
        self._calendar = calendar
        self._lock = threading.Lock()
        self._known: dict[str, Ingestion] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="wheelhouse-ingestion")
        self._stopping = threading.Event()

    def begin(self, source: str, symbols: Sequence[str], start: date | None, end: date | None) -> Ingestion:
        """Queue an ingestion.

        Raises
        ------
        InvalidInput
            The source is not of this version, a symbol is not of the source, or the range is empty.
        """
        ingestion, feed = self._prepare(source, symbols, start, end)
        with self._lock:
            self._known[ingestion.id] = ingestion
        self._pool.submit(self._run, ingestion.id, feed)
        return ingestion

    def run(self, source: str, symbols: Sequence[str], start: date | None, end: date | None) -> Ingestion:
        """Ingest here and now; errors as :meth:`begin`."""
        ingestion, feed = self._prepare(source, symbols, start, end)
        with self._lock:
            self._known[ingestion.id] = ingestion
        self._run(ingestion.id, feed)
        return self.get(ingestion.id)

    def get(self, ingestion_id: str) -> Ingestion:
        """An ingestion of this process.

        Raises
        ------
        NotFound
            There is none of this id.
        """
        with self._lock:
            if ingestion_id not in self._known:
                raise NotFound(
                    f"there is no ingestion {ingestion_id!r}; ingestions are forgotten when the service ends"
                )
            return self._known[ingestion_id]

    def close(self) -> None:
        """Cancel what is queued, and let the running one end with its present symbol."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _prepare(
        self, source: str, symbols: Sequence[str], start: date | None, end: date | None
    ) -> tuple[Ingestion, MarketDataSource]:
        if source != "sample":
            raise InvalidInput(f"source {source!r} is not part of this version; use 'sample'")
        feed = SampleMarket(self._calendar)
        names = tuple(normalize_symbol(symbol) for symbol in symbols) or feed.symbols()
        unknown = [name for name in names if name not in feed.symbols()]
        if unknown:
            raise InvalidInput(f"the sample market has no {', '.join(unknown)}; it has {', '.join(feed.symbols())}")
        if start is not None and end is not None and start > end:
            raise InvalidInput(f"start {start} lies after end {end}")
        ingestion = Ingestion(id=uuid4().hex, source=source, symbols=names, start=start, end=end)
        return ingestion, feed

    def _run(self, ingestion_id: str, feed: MarketDataSource) -> None:
        self._change(ingestion_id, state="running")
        try:
            ingestion = self.get(ingestion_id)
            for place, symbol in enumerate(ingestion.symbols, start=1):
                if self._stopping.is_set():
                    self._change(ingestion_id, state="cancelled")
                    return
                self._ingest(ingestion_id, feed, symbol)
                self._change(ingestion_id, progress=place / len(ingestion.symbols))
            self._change(ingestion_id, state="done", progress=1.0)
        except WheelhouseError as error:
            self._change(ingestion_id, state="failed", error=str(error))
        except Exception as error:  # noqa: BLE001
            # Whoever asks for the ingestion has to learn of it; nobody waits for this thread.
            _log.exception("ingestion failed", ingestion=ingestion_id)
            self._change(ingestion_id, state="failed", error=f"{type(error).__name__}: {error}")

    def _ingest(self, ingestion_id: str, feed: MarketDataSource, symbol: str) -> None:
        now = self._clock.now()
        ingestion = self.get(ingestion_id)
        today = self._calendar.session_of(now)
        end = ingestion.end or today
        start = ingestion.start or end - _USUAL_HISTORY
        self._market.put_terms(symbol, feed.terms(symbol, now))
        self._note(ingestion_id, f"terms of {symbol} as known at {now.isoformat()}: {SAMPLE_LABEL}")
        bars = feed.bars([symbol], start, end)
        done = self._market.ingest_bars(Batch(frame=bars), interval="1d")
        self._count(ingestion_id, done, f"{bars.height} daily bars of {symbol} from {start} to {end}: real, packaged")
        quotes = self._within(feed.quotes([symbol], now), now)
        done = self._market.ingest_quotes(Batch(frame=quotes), evidence=feed.evidence)
        self._count(
            ingestion_id, done, f"{quotes.height} quotes of {symbol} and its chain at {now.isoformat()}: {SAMPLE_LABEL}"
        )

    def _within(self, quotes: pl.DataFrame, now: datetime) -> pl.DataFrame:
        """Leave out what would come from the future of this clock."""
        return quotes.filter(pl.col("ts") <= now)

    def _count(self, ingestion_id: str, done: Ingested, lineage: str) -> None:
        now = self.get(ingestion_id)
        self._change(
            ingestion_id,
            accepted=now.accepted + done.accepted,
            duplicates=now.duplicates + done.duplicates,
            quarantined=now.quarantined + done.rejected,
        )
        self._note(ingestion_id, lineage)

    def _note(self, ingestion_id: str, line: str) -> None:
        self._change(ingestion_id, lineage=(*self.get(ingestion_id).lineage, line))

    def _change(self, ingestion_id: str, **values: object) -> None:
        with self._lock:
            self._known[ingestion_id] = replace(self._known[ingestion_id], **values)  # type: ignore[arg-type]
