from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.feeds.quality import RULES, Checked, check_bars, check_quotes
from wheelhouse.feeds.quality_prices import Reference
from wheelhouse.feeds.sample import SAMPLE_NOW, SampleMarket
from wheelhouse.market.calendar import TradingCalendar, nyse
from wheelhouse.market.events import Split
from wheelhouse.market.frames import BAR_SCHEMA, QUOTE_SCHEMA, session_timestamp

NOW = datetime(2013, 3, 1, 20, 45, tzinfo=UTC)
PUT = "AAPL  130420P00400000"
CALL = "AAPL  130420C00400000"


def quotes(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(
        [{"symbol": "AAPL", "ts": NOW, "bid": 430.0, "ask": 430.1, **row} for row in rows], schema=QUOTE_SCHEMA
    )


def bars(*rows: dict[str, Any]) -> pl.DataFrame:
    usual = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 1e6}
    stamp = session_timestamp(date(2013, 2, 28))
    return pl.DataFrame([{"symbol": "AAPL", "ts": stamp, **usual, **row} for row in rows], schema=BAR_SCHEMA)


def judge(frame: pl.DataFrame, **options: Any) -> Checked:
    settings_ = {"known": {"AAPL"}, "now": NOW, "calendar": nyse(2036), **options}
    return check_quotes(frame, **settings_)


def judge_bars(frame: pl.DataFrame, **options: Any) -> Checked:
    settings_ = {"known": set(), "now": NOW, "calendar": nyse(2036), **options}
    return check_bars(frame, options.pop("interval", "1d"), **{k: v for k, v in settings_.items() if k != "interval"})


def rules(checked: Checked) -> dict[int, str]:
    assert all(rejection.rule in RULES and rejection.detail for rejection in checked.rejections)
    return {rejection.index: rejection.rule for rejection in checked.rejections}


@pytest.mark.parametrize(
    ("row", "rule", "detail"),
    [
        ({"symbol": "AAPL  130499P00400000"}, "malformed_symbol", "AAPL  130499P00400000"),
        ({"symbol": "TSLA  130420P00040000"}, "unknown_symbol", "TSLA"),
        ({"symbol": None}, "missing_field", "symbol"),
        ({"ts": None}, "missing_field", "ts"),
        ({"bid": None, "ask": None}, "missing_field", "no price"),
        ({"bid": float("nan")}, "not_finite", "bid nan"),
        ({"volume": float("inf")}, "not_finite", "volume inf"),
        ({"bid": -0.01}, "negative_price", "bid -0.01"),
        ({"last": -1.0}, "negative_price", "last -1.0"),
        ({"open_interest": -3.0}, "negative_price", "open_interest -3.0"),
        ({"bid": 0.0, "ask": 0.0}, "zero_price", "ask 0.0"),
        ({"bid": 0.0}, "zero_price", "bid 0.0"),
        ({"symbol": PUT, "bid": 0.0, "ask": 0.0}, "zero_price", "ask 0.0"),
        ({"bid": 430.2}, "crossed_quote", "bid 430.2 is above ask 430.1"),
        ({"ts": NOW + timedelta(minutes=1)}, "future_timestamp", "later than now"),
        ({"ts": datetime(2013, 2, 24, 17, tzinfo=UTC)}, "out_of_session", "2013-02-24 is not a session"),
        ({"ts": datetime(2013, 3, 1, 14, 14, tzinfo=UTC)}, "out_of_session", "outside the session"),
        ({"ts": datetime(1980, 3, 3, 17, tzinfo=UTC)}, "out_of_session", "not a session"),
        ({"symbol": "AAPL  130216P00400000", "bid": 1.0, "ask": 1.1}, "out_of_session", "expired on 2013-02-16"),
        ({"symbol": PUT, "bid": 400.5, "ask": 401.0}, "outlier", "above what the option can be worth"),
    ],
)
def test_a_bad_quote_is_kept_out_by_its_rule(row: dict[str, Any], rule: str, detail: str):
    checked = judge(quotes({"ask": 430.1}, row))
    assert rules(checked) == {1: rule}
    assert detail in checked.rejections[0].detail
    assert checked.good_rows.tolist() == [0]


@pytest.mark.parametrize(
    "row",
    [
        {"bid": None},
        {"ask": None},
        {"symbol": PUT, "bid": 0.0, "ask": 0.05},
        {"symbol": "aapl"},
        {"symbol": "NEWCO"},
        {"symbol": "AAPL130420P00400000", "bid": 3.0, "ask": 3.1},
        {"symbol": CALL, "bid": 32.0, "ask": 33.0},
        {"ts": NOW + timedelta(seconds=3)},
        {"ts": datetime(2013, 2, 28, 21, 10, tzinfo=UTC)},
    ],
)
def test_a_good_quote_passes(row: dict[str, Any]):
    checked = judge(quotes(row))
    assert checked.rejections == ()
    assert checked.good.schema == QUOTE_SCHEMA


def test_symbols_are_stored_padded():
    assert judge(quotes({"symbol": "aapl130420p00400000", "bid": 3.0, "ask": 3.1})).good["symbol"].to_list() == [PUT]


def test_locked_quotes_pass_and_are_named():
    checked = judge(quotes({}, {"bid": 430.1}, {"bid": 431.0}))
    assert checked.locked == (1,)
    assert rules(checked) == {2: "crossed_quote"}


def test_a_key_that_was_absent_is_not_a_null():
    checked = judge(quotes({}, {"bid": None}), absent={1: "bid"})
    assert rules(checked) == {1: "missing_field"}
    assert checked.rejections[0].detail == "bid is missing"


def test_an_underlying_of_the_same_batch_is_known():
    option = {"symbol": PUT, "bid": 3.0, "ask": 3.1}
    assert rules(judge(quotes(option), known=())) == {0: "unknown_symbol"}
    assert rules(judge(quotes(option, {}), known=())) == {}


def test_no_rows_are_no_problem():
    assert judge(quotes()).good.height == 0
    assert judge_bars(bars()).good.schema == BAR_SCHEMA


@pytest.mark.parametrize(
    ("price", "rule"),
    [
        (43000.0, "unit_error"),
        (4.3, "unit_error"),
        (2200.0, "outlier"),
        (80.0, "outlier"),
        (206.0, None),
        (900.0, None),
    ],
)
def test_a_quote_far_from_the_last_price(price: float, rule: str | None):
    latest = {"AAPL": Reference(price=430.0, ts=NOW - timedelta(minutes=5))}
    checked = judge(quotes({"bid": price - 0.01, "ask": price + 0.01}), latest=latest)
    assert rules(checked) == ({0: rule} if rule else {})


def test_an_old_price_or_a_known_split_excuses_the_distance():
    leap = quotes({"bid": 43.0, "ask": 43.01})
    old = {"AAPL": Reference(price=430.0, ts=NOW - timedelta(days=30))}
    assert rules(judge(leap, latest=old)) == {}
    fresh = {"AAPL": Reference(price=430.0, ts=NOW - timedelta(days=1))}
    assert rules(judge(leap, latest=fresh)) == {0: "outlier"}
    splits = {"AAPL": [Split(ex_date=date(2013, 3, 1), ratio=Fraction(10))]}
    assert rules(judge(leap, latest=fresh, splits=splits)) == {}


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"symbol": "A B"}, "malformed_symbol"),
        ({"symbol": "TSLA  130420P00040000"}, "unknown_symbol"),
        ({"close": None}, "missing_field"),
        ({"volume": None}, "missing_field"),
        ({"open": float("nan")}, "not_finite"),
        ({"low": -9.0}, "negative_price"),
        ({"close": 0.0, "low": 0.0}, "zero_price"),
        ({"high": 9.5}, "ohlc_inconsistent"),
        ({"low": 10.5}, "ohlc_inconsistent"),
        ({"ts": session_timestamp(date(2013, 3, 4))}, "future_timestamp"),
        ({"ts": session_timestamp(date(2013, 2, 23))}, "out_of_session"),
    ],
)
def test_a_bad_bar_is_kept_out_by_its_rule(row: dict[str, Any], rule: str):
    assert rules(judge_bars(bars({"ts": session_timestamp(date(2013, 2, 27))}, row))) == {1: rule}


def test_daily_bars_carry_their_session():
    checked = judge_bars(bars({"ts": datetime(2013, 2, 28, 21, tzinfo=UTC)}, {"ts": NOW}))
    assert checked.good["ts"].to_list() == [session_timestamp(date(2013, 2, 28)), session_timestamp(date(2013, 3, 1))]


def test_minute_bars_lie_in_the_session():
    inside, night = datetime(2013, 2, 28, 15, tzinfo=UTC), datetime(2013, 2, 28, 3, tzinfo=UTC)
    assert rules(judge_bars(bars({"ts": inside}, {"ts": night}), interval="1m")) == {1: "out_of_session"}


def series(closes: list[float]) -> pl.DataFrame:
    days = nyse(2036).sessions(date(2013, 1, 2), date(2013, 3, 1))
    return bars(
        *(
            {"ts": session_timestamp(day), "open": c, "high": c, "low": c, "close": c}
            for day, c in zip(days, closes, strict=False)
        )
    )


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        ([10, 10.1, 1010, 10.2, 10.1], {2: "unit_error"}),
        ([10, 10.1, 1010, 1020, 10.2, 10.1, 10.0], {2: "unit_error", 3: "unit_error"}),
        ([10, 10.1, 0.102, 10.2], {2: "unit_error"}),
        ([10, 10.1, 31, 10.2, 10.1], {2: "outlier"}),
        ([10, 10.1, 3, 10.2, 10.1], {2: "outlier"}),
        ([10, 10.1, 60], {2: "outlier"}),
        ([10, 10.1, 4.8, 4.9, 4.7], {}),
        ([10, 10.1, 60, 61, 59], {}),
        ([10, 12, 15, 20, 28, 40, 60], {}),
    ],
)
def test_spikes_and_units_among_bars(closes: list[float], expected: dict[int, str]):
    assert rules(judge_bars(series(closes))) == expected


@given(st.lists(st.floats(-0.6, 0.6), min_size=1, max_size=30), st.integers(0, 29), st.sampled_from([100.0, 0.01]))
@settings(max_examples=60, deadline=None)
def test_one_wrong_unit_is_found_wherever_it_stands(returns: list[float], place: int, factor: float):
    closes = [100.0]
    for r in returns:
        closes.append(closes[-1] * (1 + r / 8))
    closes += [closes[-1]] * 2
    place %= len(closes)
    closes[place] *= factor
    assert rules(judge_bars(series(closes))) == {place: "unit_error"}


def test_the_sample_passes_whole(market: SampleMarket, calendar: TradingCalendar):
    every = market.bars(market.symbols(), date(2000, 1, 1), date(2014, 1, 1))
    splits = {symbol: market.terms(symbol).splits for symbol in market.symbols()}
    for known_splits in ({}, splits):
        assert (
            check_bars(every, "1d", known=(), now=SAMPLE_NOW, calendar=calendar, splits=known_splits).rejections == ()
        )
    chains = market.quotes(market.symbols(), SAMPLE_NOW)
    assert check_quotes(chains, known=(), now=SAMPLE_NOW, calendar=calendar).rejections == ()
