"""Quotes, bars, terms, instruments and the quarantine."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import polars as pl

from wheelhouse.errors import InvalidInput
from wheelhouse.market.events import Terms
from wheelhouse.market.frames import BAR_REQUIRED, BAR_SCHEMA, QUOTE_REQUIRED, QUOTE_SCHEMA, Interval, conform
from wheelhouse.market.instruments import Evidence, OptionContract, underlying_of
from wheelhouse.store.documents import CONTRACT, TERMS, decode, encode
from wheelhouse.store.engine import STAGE, Engine, SqlValue, Transaction, insert
from wheelhouse.store.merge import Settled, settle
from wheelhouse.store.records import QuarantinedRecord, RefusedRecord, WriteResult

_QUOTES: Final = (*QUOTE_SCHEMA.names(), "evidence")
_QUOTE_VALUES: Final = tuple(QUOTE_SCHEMA.names()[2:])
_LATEST: Final = ("underlying", *_QUOTES)
_BARS: Final = tuple(BAR_SCHEMA.names())
_BAR_VALUES: Final = _BARS[2:]
_STORED_QUOTES: Final = pl.Schema({**QUOTE_SCHEMA, "evidence": pl.String()})


class MarketTables:
    """The market's part of a store, see `wheelhouse.store.protocol.MarketStore`."""

    _engine: Engine

    def write_quotes(self, frame: pl.DataFrame, *, evidence: Evidence, replace: bool = False) -> WriteResult:
        """Add quotes to the history and keep the newest of each symbol at hand."""
        batch = _checked(conform(frame, QUOTE_SCHEMA, required=QUOTE_REQUIRED))
        if batch.is_empty():
            return WriteResult(accepted=0, duplicates=0)
        symbols = batch.get_column("symbol").unique()
        underlyings = pl.DataFrame(
            {"symbol": symbols, "underlying": pl.Series([underlying_of(symbol) for symbol in symbols], dtype=pl.String)}
        )
        batch = batch.join(underlyings, on="symbol", how="left", maintain_order="left").with_columns(
            pl.lit(Evidence(evidence).value).alias("evidence")
        )
        with self._engine.transaction("write_quotes") as transaction:
            settled = _write(
                transaction,
                "quotes",
                batch,
                key=("symbol", "ts"),
                values=_QUOTE_VALUES,
                columns=_QUOTES,
                replace=replace,
            )
            if not settled.rows.is_empty():
                _keep_latest(transaction)
        return settled.result

    def latest_quotes(self, underlying: str | None = None) -> pl.DataFrame:
        """Give the newest quote of each symbol, or of an underlying and its options."""
        columns = ", ".join(f"q.{name}" for name in _QUOTES)
        frame = self._engine.read(
            "latest_quotes",
            f"SELECT {columns} FROM latest_quotes AS q LEFT JOIN instruments AS i ON i.symbol = q.symbol "  # noqa: S608
            "WHERE $1 IS NULL OR coalesce(i.underlying, q.underlying) = $1 ORDER BY q.symbol"
            if underlying is not None
            else f"SELECT {columns} FROM latest_quotes AS q ORDER BY q.symbol",  # noqa: S608
            () if underlying is None else (underlying,),
        )
        return frame.cast(_STORED_QUOTES)

    def quotes(
        self,
        symbol: str,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Give the history of a symbol's quotes, oldest first; `start` inclusive, `end` exclusive."""
        where, parameters = _between(("symbol = $1",), [symbol], start, end, limit)
        sql = f"SELECT {', '.join(_QUOTES)} FROM quotes WHERE {where}"  # noqa: S608
        return self._engine.read("quotes", sql, parameters).cast(_STORED_QUOTES)

    def write_bars(self, interval: Interval, frame: pl.DataFrame, *, replace: bool = False) -> WriteResult:
        """Add bars of one interval."""
        batch = _checked(conform(frame, BAR_SCHEMA, required=BAR_REQUIRED))
        if batch.is_empty():
            return WriteResult(accepted=0, duplicates=0)
        batch = batch.with_columns(pl.lit(interval).alias("bar_interval"))
        key = ("bar_interval", "symbol", "ts")
        with self._engine.transaction("write_bars") as transaction:
            return _write(
                transaction,
                "bars",
                batch,
                key=key,
                values=_BAR_VALUES,
                columns=("bar_interval", *_BARS),
                replace=replace,
            ).result

    def bars(
        self,
        symbol: str,
        interval: Interval = "1d",
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Give the bars of a symbol, oldest first; `start` inclusive, `end` exclusive."""
        where, parameters = _between(("symbol = $1", "bar_interval = $2"), [symbol, interval], start, end, limit)
        sql = f"SELECT {', '.join(_BARS)} FROM bars WHERE {where}"  # noqa: S608
        return self._engine.read("bars", sql, parameters).cast(BAR_SCHEMA)

    def latest_bars(self, interval: Interval = "1d") -> pl.DataFrame:
        """Give the newest bar of each symbol."""
        columns = ", ".join(f"b.{name}" for name in _BARS)
        frame = self._engine.read(
            "latest_bars",
            f"SELECT {columns} FROM bars AS b "  # noqa: S608
            "JOIN (SELECT symbol, max(ts) AS ts FROM bars WHERE bar_interval = $1 GROUP BY symbol) AS newest "
            "ON newest.symbol = b.symbol AND newest.ts = b.ts WHERE b.bar_interval = $1 ORDER BY b.symbol",
            (interval,),
        )
        return frame.cast(BAR_SCHEMA)

    def underlyings(self) -> frozenset[str]:
        """Name every underlying that a quote, bar, terms or instrument speaks of."""
        frame = self._engine.read(
            "underlyings",
            "SELECT underlying AS symbol FROM latest_quotes UNION SELECT symbol FROM bars "
            "UNION SELECT symbol FROM terms UNION SELECT underlying FROM instruments",
        )
        return frozenset(frame.get_column("symbol"))

    def put_terms(self, symbol: str, terms: Terms) -> None:
        """Store the terms of an underlying in place of those it had."""
        with self._engine.transaction("put_terms") as transaction:
            transaction.execute(
                "INSERT INTO terms (symbol, document) VALUES ($1, $2) "
                "ON CONFLICT (symbol) DO UPDATE SET document = excluded.document",
                (symbol, encode(terms)),
            )

    def terms(self) -> Mapping[str, Terms]:
        """Give the terms of every underlying that has some, by symbol."""
        frame = self._engine.read("terms", "SELECT symbol, document FROM terms ORDER BY symbol")
        return {symbol: decode(document, TERMS, f"terms of {symbol}") for symbol, document in frame.iter_rows()}

    def put_instruments(self, contracts: Iterable[OptionContract]) -> None:
        """Store contracts, each in place of the one of its symbol; of several with one symbol the last counts."""
        latest = {contract.symbol: contract for contract in contracts}
        with self._engine.transaction("put_instruments") as transaction:
            insert(
                transaction,
                "instruments",
                ("symbol", "underlying", "expiry", "document"),
                [(symbol, it.underlying, it.expiry, encode(it)) for symbol, it in latest.items()],
                "ON CONFLICT (symbol) DO UPDATE "
                "SET underlying = excluded.underlying, expiry = excluded.expiry, document = excluded.document",
            )

    def instruments(self) -> Mapping[str, OptionContract]:
        """Give every contract that was put, by symbol."""
        frame = self._engine.read("instruments", "SELECT symbol, document FROM instruments ORDER BY symbol")
        return {symbol: decode(document, CONTRACT, f"instrument {symbol}") for symbol, document in frame.iter_rows()}

    def quarantine(
        self, kind: str, frame: pl.DataFrame, refused: Sequence[RefusedRecord], *, received_at: datetime
    ) -> None:
        """Keep the refused rows of a batch as they came, with the rule that refused each."""
        if not refused:
            return
        rows = pl.DataFrame(
            [
                (kind, received_at.astimezone(UTC), it.rule, it.detail, _as_json(frame.row(it.index, named=True)))
                for it in refused
            ],
            schema={
                "kind": pl.String(),
                "received_at": pl.Datetime("us", "UTC"),
                "rule": pl.String(),
                "detail": pl.String(),
                "record": pl.String(),
            },
            orient="row",
        )
        columns = ", ".join(rows.columns)
        with self._engine.transaction("quarantine") as transaction:
            transaction.stage(rows)
            transaction.execute(f"INSERT INTO quarantine ({columns}) SELECT {columns} FROM {STAGE}")  # noqa: S608

    def quarantined(self, kind: str | None = None, limit: int | None = None) -> list[QuarantinedRecord]:
        """Give the refused records, newest first."""
        columns = "kind, received_at, rule, detail, record"
        frame = self._engine.read(
            "quarantined",
            f"SELECT {columns} FROM quarantine WHERE kind = coalesce($1, kind) ORDER BY received_at DESC LIMIT $2",  # noqa: S608
            (kind, limit),
        )
        return [QuarantinedRecord(**row) for row in frame.iter_rows(named=True)]


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    """Refuse rows without key; NaN means as little as null, and is stored as null."""
    for name in ("symbol", "ts"):
        column = frame.get_column(name)
        if column.null_count():
            row = column.is_null().arg_max()
            raise InvalidInput(f"row {row}: {name} is missing, so the row cannot be stored; check the batch first")
    return frame.fill_nan(None)


def _write(
    transaction: Transaction,
    table: str,
    batch: pl.DataFrame,
    *,
    key: Sequence[str],
    values: Sequence[str],
    columns: Sequence[str],
    replace: bool,
) -> Settled:
    """Add a batch to a table; what was written stays staged."""
    transaction.stage(batch)
    same_key = " AND ".join(f"s.{name} = t.{name}" for name in key)
    # The bounds let the database skip the blocks of other times without an index.
    stored = transaction.execute(
        f"SELECT {', '.join(f't.{name}' for name in (*key, *values))} FROM {table} AS t "  # noqa: S608
        f"JOIN {STAGE} AS s ON {same_key} WHERE t.ts BETWEEN $1 AND $2",
        (batch.get_column("ts").min(), batch.get_column("ts").max()),  # type: ignore[arg-type]  # bounds of a column of timestamps
    )
    stored = stored.cast({name: batch.schema[name] for name in stored.columns})
    settled = settle(batch, stored, key=key, values=values, replace=replace)
    if settled.rows.is_empty():
        return settled
    if settled.rows.height != batch.height:
        transaction.stage(settled.rows)
    if settled.overwrites:
        transaction.execute(f"DELETE FROM {table} AS t USING {STAGE} AS s WHERE {same_key}")  # noqa: S608
    listed = ", ".join(columns)
    transaction.execute(f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {STAGE} ORDER BY symbol, ts")  # noqa: S608
    return settled


def _keep_latest(transaction: Transaction) -> None:
    """Bring the staged quotes into the table of the newest ones, unless a newer one is there."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in _LATEST if name != "symbol")
    transaction.execute(
        f"INSERT INTO latest_quotes ({', '.join(_LATEST)}) "  # noqa: S608
        f"SELECT {', '.join(f's.{name}' for name in _LATEST)} FROM {STAGE} AS s "
        f"JOIN (SELECT symbol, max(ts) AS ts FROM {STAGE} GROUP BY symbol) AS newest "
        "ON newest.symbol = s.symbol AND newest.ts = s.ts "
        f"ON CONFLICT (symbol) DO UPDATE SET {changes} WHERE excluded.ts >= latest_quotes.ts"
    )


def _between(
    conditions: Sequence[str],
    parameters: list[SqlValue],
    start: datetime | None,
    end: datetime | None,
    limit: int | None,
) -> tuple[str, list[SqlValue]]:
    """Complete conditions by a range of ts, order and limit."""
    where = list(conditions)
    for bound, comparison in ((start, ">="), (end, "<")):
        if bound is not None:
            parameters.append(bound.astimezone(UTC))
            where.append(f"ts {comparison} ${len(parameters)}")
    clause = " AND ".join(where) + " ORDER BY ts"
    if limit is not None:
        parameters.append(limit)
        clause += f" LIMIT ${len(parameters)}"
    return clause, parameters


def _as_json(row: Mapping[str, object]) -> str:
    # JSON knows no NaN and no infinity; what was refused for being one is kept as its name.
    plain = {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
    return json.dumps(plain, default=str)
