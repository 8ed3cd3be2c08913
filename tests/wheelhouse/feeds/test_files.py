from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.feeds.files import read_bars, read_quotes
from wheelhouse.market.frames import BAR_SCHEMA, QUOTE_SCHEMA

BARS = "Symbol,ts,Open,High,Low,Close,Volume\nIBM,2013-03-01,200,203,199,202.91,3309000\n"


def written(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_bars_of_a_csv(tmp_path: Path):
    bars = read_bars(written(tmp_path, BARS))
    assert bars.schema == BAR_SCHEMA
    assert bars.row(0) == ("IBM", datetime(2013, 3, 1, tzinfo=UTC), 200.0, 203.0, 199.0, 202.91, 3309000.0, None)


@pytest.mark.parametrize("stamp", ["2013-03-01T15:45:00-05:00", "2013-03-01T20:45:00Z", "2013-03-01 20:45:00+00:00"])
def test_quotes_of_a_csv(tmp_path: Path, stamp: str):
    quotes = read_quotes(written(tmp_path, f"symbol,ts,bid,ask,colour\nIBM,{stamp},,200.5,red\n"))
    assert quotes.schema == QUOTE_SCHEMA
    assert quotes.select("ts", "bid", "ask").row(0) == (datetime(2013, 3, 1, 20, 45, tzinfo=UTC), None, 200.5)


def test_a_symbol_for_a_file_without_one(tmp_path: Path):
    path = written(tmp_path, "ts,open,high,low,close,volume\n2013-03-01,1,1,1,1,1\n")
    assert read_bars(path, symbol="IBM")["symbol"].to_list() == ["IBM"]
    with pytest.raises(InvalidInput, match="'symbol' is missing"):
        read_bars(path)


def test_parquet_comes_back_as_it_was_written(tmp_path: Path):
    bars = read_bars(written(tmp_path, BARS))
    bars.write_parquet(tmp_path / "bars.parquet")
    assert read_bars(tmp_path / "bars.parquet").equals(bars)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("symbol,ts,open,high,low,close,volume\n", "no rows"),
        ("symbol,ts,open,high,low,volume\nIBM,2013-03-01,1,1,1,1\n", "column 'close' is missing"),
        (BARS + "IBM,2013-03-04,201,cheap,200,202,1\n", r"row 3, column 'high': 'cheap' is not a number"),
        (BARS + "IBM,2013-13-04,201,203,200,202,1\n", r"row 3, column 'ts': '2013-13-04' is not a date"),
        (BARS + "IBM,2013-03-04T10:00:00,1,1,1,1,1\n", "timestamp with offset"),
        (BARS + "IBM,2013-03-04,1,1,1,1,1,1,1\n", "cannot be read as csv"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str):
    path = written(tmp_path, text)
    with pytest.raises(InvalidInput, match=message) as caught:
        read_bars(path)
    assert str(path) in str(caught.value)


def test_wrong_files(tmp_path: Path):
    with pytest.raises(NotFound, match="not a file"):
        read_bars(tmp_path / "none.csv")
    with pytest.raises(InvalidInput, match=r"\.csv and \.parquet"):
        read_bars(written(tmp_path, BARS, "data.xls"))
    with pytest.raises(InvalidInput, match="cannot be read as parquet"):
        read_bars(written(tmp_path, BARS, "data.parquet"))
    naive = pl.DataFrame({"symbol": ["IBM"], "ts": [datetime(2013, 3, 1, tzinfo=UTC)], "bid": ["a"], "ask": [1.0]})
    naive.with_columns(pl.col("ts").dt.replace_time_zone(None)).write_parquet(tmp_path / "naive.parquet")
    with pytest.raises(InvalidInput, match="no time zone"):
        read_quotes(tmp_path / "naive.parquet")
