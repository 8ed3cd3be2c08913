from datetime import UTC, date, datetime

import polars as pl
import pytest

from wheelhouse.errors import InvalidInput
from wheelhouse.market.frames import (
    BAR_SCHEMA,
    QUOTE_REQUIRED,
    QUOTE_SCHEMA,
    conform,
    empty_bars,
    empty_quotes,
    session_timestamp,
)

AT = datetime(2013, 3, 1, 20, tzinfo=UTC)


def test_absent_columns_become_null_and_strange_ones_go():
    frame = pl.DataFrame({"ask": [2], "ts": [AT.replace(tzinfo=None)], "symbol": ["X"], "bid": [1], "colour": ["red"]})
    quotes = conform(frame, QUOTE_SCHEMA, required=QUOTE_REQUIRED)
    assert quotes.schema == QUOTE_SCHEMA
    assert quotes.row(0) == ("X", AT, 1.0, 2.0, None, None, None, None, None)


def test_another_zone_is_the_same_instant():
    frame = pl.DataFrame({"symbol": ["X"], "ts": [AT]})
    frame = frame.with_columns(pl.col("ts").dt.convert_time_zone("America/New_York"))
    assert conform(frame, QUOTE_SCHEMA)["ts"].to_list() == [AT]


def test_a_missing_or_wrong_column_is_named():
    with pytest.raises(InvalidInput, match="'ask' is missing"):
        conform(pl.DataFrame({"symbol": ["X"], "ts": [None], "bid": [1.0]}), QUOTE_SCHEMA, required=QUOTE_REQUIRED)
    with pytest.raises(InvalidInput, match="bid"):
        conform(pl.DataFrame({"bid": ["cheap"]}), QUOTE_SCHEMA)


def test_empty_frames_have_the_schemas():
    assert empty_bars().schema == BAR_SCHEMA
    assert empty_quotes().schema == QUOTE_SCHEMA
    assert session_timestamp(date(2013, 3, 1)) == datetime(2013, 3, 1, tzinfo=UTC)
