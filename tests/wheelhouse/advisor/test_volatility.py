from datetime import UTC, date, datetime
from fractions import Fraction

import polars as pl
import pytest

from wheelhouse.advisor.volatility import comparable_prices
from wheelhouse.market.events import Split
from wheelhouse.market.frames import BAR_SCHEMA

DAYS = [date(2005, 2, 24), date(2005, 2, 25), date(2005, 2, 28), date(2005, 3, 1)]
CLOSES = [88.0, 90.0, 45.5, 44.0]


def bars(adjusted):
    rows = {
        "symbol": ["AAPL"] * 4,
        "ts": [datetime(d.year, d.month, d.day, tzinfo=UTC) for d in DAYS],
        "open": CLOSES,
        "high": [c + 1 for c in CLOSES],
        "low": [c - 1 for c in CLOSES],
        "close": CLOSES,
        "volume": [1.0] * 4,
        "adjusted_close": adjusted,
    }
    return pl.DataFrame(rows, schema=BAR_SCHEMA)


def test_a_split_is_no_crash_whether_the_bars_or_the_terms_tell_it():
    split = Split(ex_date=date(2005, 2, 28), ratio=Fraction(2))
    days, prices = comparable_prices(bars([None] * 4), (split,))
    assert days == DAYS
    assert prices[3] == pytest.approx([44.0, 45.0, 45.5, 44.0])
    assert prices[1] == pytest.approx([44.5, 45.5, 46.5, 45.0])
    _, adjusted = comparable_prices(bars([42.0, 43.0, 45.5, 44.0]), ())
    assert adjusted[3] == pytest.approx([42.0, 43.0, 45.5, 44.0])
    assert adjusted[2][0] == pytest.approx(87.0 * 42.0 / 88.0)


def test_no_bars_are_no_prices():
    days, prices = comparable_prices(bars([None] * 4).clear(), ())
    assert days == []
    assert prices.shape == (4, 0)
