"""The columns of bars and quotes, as every package passes them around.

In both frames null means unknown; a bid of zero is a bid of zero. Timestamps are UTC with microseconds. Prices are USD per share
(premium units for options), volumes and sizes are shares or contracts. The timestamp of a daily bar is midnight UTC of the
session's date.
"""

from datetime import UTC, date, datetime
from typing import Final, Literal

import polars as pl

from wheelhouse.errors import InvalidInput

Interval = Literal["1d", "1m"]

TIMESTAMP: Final = pl.Datetime("us", "UTC")

BAR_SCHEMA: Final = pl.Schema(
    {
        "symbol": pl.String(),
        "ts": TIMESTAMP,
        "open": pl.Float64(),
        "high": pl.Float64(),
        "low": pl.Float64(),
        "close": pl.Float64(),
        "volume": pl.Float64(),
        "adjusted_close": pl.Float64(),
    }
)

QUOTE_SCHEMA: Final = pl.Schema(
    {
        "symbol": pl.String(),
        "ts": TIMESTAMP,
        "bid": pl.Float64(),
        "ask": pl.Float64(),
        "bid_size": pl.Float64(),
        "ask_size": pl.Float64(),
        "last": pl.Float64(),
        "volume": pl.Float64(),
        "open_interest": pl.Float64(),
    }
)

BAR_REQUIRED: Final = ("symbol", "ts", "open", "high", "low", "close", "volume")
QUOTE_REQUIRED: Final = ("symbol", "ts", "bid", "ask")


def session_timestamp(day: date) -> datetime:
    """Give the timestamp that the daily bar of a session carries."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def empty_bars() -> pl.DataFrame:
    """Give a frame of bars without rows."""
    return pl.DataFrame(schema=BAR_SCHEMA)


def empty_quotes() -> pl.DataFrame:
    """Give a frame of quotes without rows."""
    return pl.DataFrame(schema=QUOTE_SCHEMA)


def conform(frame: pl.DataFrame, schema: pl.Schema, *, required: tuple[str, ...] = ()) -> pl.DataFrame:
    """Bring a frame to a schema: its columns in order, absent ones null, types cast, others dropped.

    Timestamps without a zone are taken for UTC.

    Raises
    ------
    InvalidInput
        If a required column is absent or a column cannot be cast; the message names it.
    """
    missing = [name for name in required if name not in frame.columns]
    if missing:
        raise InvalidInput(f"column {missing[0]!r} is missing; the columns are {', '.join(frame.columns) or 'none'}")
    columns = []
    for name, dtype in schema.items():
        if name not in frame.columns:
            columns.append(pl.lit(None, dtype).alias(name))
            continue
        own = frame.schema[name]
        column = pl.col(name)
        if isinstance(own, pl.Datetime) and own.time_zone is None:
            column = column.dt.replace_time_zone("UTC")
        columns.append(column.cast(dtype))
    try:
        return frame.select(columns)
    except pl.exceptions.PolarsError as error:
        raise InvalidInput(f"a column does not have the type that is wanted: {error}") from error
