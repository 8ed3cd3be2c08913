"""Bars and quotes from CSV and Parquet files.

A file needs the columns of `frames.BAR_REQUIRED` or `frames.QUOTE_REQUIRED`, in any order and case; the others of the schema are
read where present, strange ones ignored. Timestamps are ISO 8601; a bare date is midnight UTC, a timestamp without offset is refused,
because a guess would be wrong by hours.
"""

from pathlib import Path
from typing import Final

import polars as pl

from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.market.frames import BAR_REQUIRED, BAR_SCHEMA, QUOTE_REQUIRED, QUOTE_SCHEMA, TIMESTAMP, conform

_DATE: Final = r"^\d{4}-\d{2}-\d{2}$"
_OFFSET: Final = r"(Z|[+-]\d{2}:?\d{2})$"


def read_bars(path: Path, *, symbol: str | None = None) -> pl.DataFrame:
    """Read bars as `frames.BAR_SCHEMA`.

    Parameters
    ----------
    path
        A ``.csv`` or ``.parquet`` file.
    symbol
        What the bars are of, for a file without a symbol column.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidInput
        If the file is empty, lacks a column or holds a value of the wrong type; the message names file, row and column.
    """
    return _read(path, BAR_SCHEMA, BAR_REQUIRED, symbol)


def read_quotes(path: Path) -> pl.DataFrame:
    """Read quotes as `frames.QUOTE_SCHEMA`; parameters and errors as `read_bars`."""
    return _read(path, QUOTE_SCHEMA, QUOTE_REQUIRED, None)


def _read(path: Path, schema: pl.Schema, required: tuple[str, ...], symbol: str | None) -> pl.DataFrame:
    if not path.is_file():
        raise NotFound(f"{path} is not a file")
    frame = _load(path)
    frame = frame.rename({name: name.strip().lower() for name in frame.columns})
    if frame.is_empty():
        raise InvalidInput(f"{path} holds no rows")
    if symbol is not None and "symbol" not in frame.columns:
        frame = frame.with_columns(symbol=pl.lit(symbol))
    missing = [name for name in required if name not in frame.columns]
    if missing:
        raise InvalidInput(f"{path}: column {missing[0]!r} is missing; the columns are {', '.join(frame.columns)}")
    columns = [_typed(path, frame.get_column(name), dtype) for name, dtype in schema.items() if name in frame.columns]
    return conform(pl.DataFrame(columns), schema, required=required)


def _load(path: Path) -> pl.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        if path.suffix == ".csv":
            # As text: types are judged afterwards, where a wrong value can be named.
            return pl.read_csv(path, infer_schema=False)
    except pl.exceptions.NoDataError as error:
        raise InvalidInput(f"{path} is empty") from error
    except pl.exceptions.PolarsError as error:
        raise InvalidInput(f"{path} cannot be read as {path.suffix[1:]}: {error}") from error
    raise InvalidInput(f"{path} has suffix {path.suffix!r}; .csv and .parquet are understood")


def _typed(path: Path, column: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Give a column its type, or say which row does not have it."""
    if column.dtype != pl.String() or dtype == pl.String():
        return _from_binary(path, column, dtype)
    text = column.str.strip_chars().replace("", None)
    if dtype == TIMESTAMP:
        bare = text.str.contains(_DATE)
        whole = pl.select(pl.when(bare).then(text + "T00:00:00Z").otherwise(text)).to_series()
        zoned = pl.select(pl.when(whole.str.contains(_OFFSET)).then(whole)).to_series()
        typed = zoned.str.replace(" ", "T", literal=True).str.to_datetime(
            time_unit="us", time_zone="UTC", strict=False, format="%+"
        )
    else:
        typed = text.cast(dtype, strict=False)
    wrong = (typed.is_null() & text.is_not_null()).arg_true()
    if len(wrong):
        row = wrong[0]
        wanted = "a date or a timestamp with offset" if dtype == TIMESTAMP else "a number"
        # Row 1 is the header.
        raise InvalidInput(f"{path}, row {row + 2}, column {column.name!r}: {column[row]!r} is not {wanted}")
    return typed.alias(column.name)


def _from_binary(path: Path, column: pl.Series, dtype: pl.DataType) -> pl.Series:
    own = column.dtype
    if isinstance(own, pl.Datetime) and own.time_zone is None:
        raise InvalidInput(f"{path}, column {column.name!r}: the timestamps have no time zone")
    if not (own == dtype or own == pl.Null() or own.is_temporal() == (dtype == TIMESTAMP)):
        raise InvalidInput(f"{path}, column {column.name!r} holds {own}, expected {dtype}")
    try:
        return column.cast(dtype)
    except pl.exceptions.PolarsError as error:
        raise InvalidInput(f"{path}, column {column.name!r} holds {own}, expected {dtype}: {error}") from error
