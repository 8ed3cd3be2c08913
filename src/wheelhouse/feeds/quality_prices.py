"""Prices that cannot follow from those before: wrong units and spikes.

A crash stays where it fell and passes; what is kept out is a factor near 100 (pence for pounds, cents for dollars), a spike that returns
at once, and a leap to five times or a fifth that nothing confirms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from wheelhouse.market.calendar import new_york_date
from wheelhouse.market.events import Split
from wheelhouse.market.frames import TIMESTAMP

_UNIT: Final = (float(np.log(80)), float(np.log(125)))
_SPIKE: Final = float(np.log(2.5))
_RETURN: Final = float(np.log(1.5))
_LEAP: Final = float(np.log(5))
# An older price says nothing about today's.
_MEMORY: Final = timedelta(days=7)

FAULT_SCHEMA: Final = pl.Schema({"row": pl.Int64(), "rule": pl.String(), "detail": pl.String()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The last price that is known of a symbol, USD per share, and when it was so."""

    price: float
    ts: datetime


def price_faults(
    prices: pl.DataFrame, latest: Mapping[str, Reference], splits: Mapping[str, Sequence[Split]]
) -> pl.DataFrame:
    """Find the rows whose price is in the wrong unit or an outlier.

    Parameters
    ----------
    prices
        Columns row, symbol, ts, price; prices above zero.
    latest
        What the first price of a symbol is compared with, if it is at most seven days apart.
    splits
        Known splits; prices are compared after undoing them.

    Returns
    -------
    polars.DataFrame
        `FAULT_SCHEMA`: row, rule (`unit_error` or `outlier`) and detail of each fault.
    """
    series = _follow(_with_references(_undo_splits(prices, splits), latest, splits))
    # The smallest step that any rule looks at: most batches hold none, and are done.
    if not (series.get_column("step").abs() > _SPIKE).any():
        return pl.DataFrame(schema=FAULT_SCHEMA)
    levels = series.with_columns(
        level=pl.when(pl.col("step").abs().is_between(*_UNIT))
        .then(pl.col("step").sign())
        .otherwise(0.0)
        .cum_sum()
        .over("symbol", order_by="ts")
    )
    # With a reference the level it stands on is right, without one that of the majority.
    usual = pl.when(pl.col("reference").is_null()).then(pl.col("level").mode().min().over("symbol")).otherwise(0.0)
    in_unit = levels.with_columns(fault=pl.col("level") != usual)
    unit_errors = in_unit.filter("fault")
    rest = _follow(in_unit.filter(~pl.col("fault")))
    spike = (
        (pl.col("step").abs() > _SPIKE)
        & (pl.col("next_step").abs() > _SPIKE)
        & ((pl.col("step") + pl.col("next_step")).abs() < _RETURN)
    ).fill_null(value=False)
    spikes = rest.filter(spike)
    rest = _follow(rest.filter(~spike))
    unconfirmed = pl.col("next_step").is_null() | (pl.col("next_step").abs() >= _LEAP)
    leaps = rest.filter((pl.col("step").abs() >= _LEAP) & unconfirmed)
    return pl.concat(
        [
            _describe(unit_errors, "unit_error", "a factor near 100 from its neighbours: wrong unit"),
            _describe(spikes, "outlier", "a spike that returns at once"),
            _describe(
                leaps, "outlier", "a leap that no later price confirms; if a split explains it, put it into the terms"
            ),
        ]
    )


def _undo_splits(prices: pl.DataFrame, splits: Mapping[str, Sequence[Split]]) -> pl.DataFrame:
    """Add `comparable`: the log of the price in shares of the time before any known split."""
    log_price = pl.col("price").log()
    day = pl.col("ts").dt.date()
    for symbol, own in splits.items():
        for split in own:
            hit = (pl.col("symbol") == symbol) & (day >= split.ex_date)
            log_price = log_price + pl.when(hit).then(float(np.log(float(split.ratio)))).otherwise(0.0)
    return prices.with_columns(comparable=log_price)


def _with_references(
    prices: pl.DataFrame, latest: Mapping[str, Reference], splits: Mapping[str, Sequence[Split]]
) -> pl.DataFrame:
    """Add `reference`, the comparable log price known before the batch, where its moment is near the symbol's first row."""
    wanted = set(prices.get_column("symbol").unique().to_list())
    found = []
    for symbol in wanted & latest.keys():
        last = latest[symbol]
        day = new_york_date(last.ts)
        ratio = float(np.prod([float(s.ratio) for s in splits.get(symbol, ()) if s.ex_date <= day]))
        found.append((symbol, float(np.log(last.price * ratio)), last.ts.astimezone(UTC)))
    known = pl.DataFrame(
        found, schema={"symbol": pl.String, "reference": pl.Float64, "known_at": TIMESTAMP}, orient="row"
    )
    joined = prices.join(known, on="symbol", how="left")
    apart = (pl.col("ts").min().over("symbol") - pl.col("known_at")).abs()
    return joined.with_columns(reference=pl.when(apart <= _MEMORY).then(pl.col("reference"))).sort(
        "symbol", "ts", "row"
    )


def _follow(series: pl.DataFrame) -> pl.DataFrame:
    """Add the log steps from the price before (or the reference) and to the price after, within each symbol."""
    before = pl.coalesce(pl.col("comparable").shift(1).over("symbol"), "reference")
    step = series.with_columns(step=(pl.col("comparable") - before).fill_null(0.0))
    following = (pl.col("comparable").shift(-1) - pl.col("comparable")).over("symbol")
    return step.with_columns(next_step=following)


def _describe(rows: pl.DataFrame, rule: str, reason: str) -> pl.DataFrame:
    detail = pl.format("price {} is {}", pl.col("price").round(6), pl.lit(reason))
    return rows.select("row", rule=pl.lit(rule), detail=detail).cast(FAULT_SCHEMA)
