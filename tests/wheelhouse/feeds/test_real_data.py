"""The rules and the simulator against real files, read from the folder that REAL_DATA_DIR names."""

import os
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wheelhouse.feeds.quality import check_bars, check_quotes
from wheelhouse.feeds.quality_prices import Reference
from wheelhouse.feeds.sample import SAMPLE_NOW, SampleMarket
from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.chain import build_chain
from wheelhouse.market.events import Terms, dividends_from_adjusted, splits_from_adjusted
from wheelhouse.market.frames import BAR_SCHEMA, QUOTE_SCHEMA, TIMESTAMP, conform
from wheelhouse.market.instruments import Evidence

NOW = datetime(2026, 6, 30, 20, tzinfo=UTC)


def real(relative: str, origin: str) -> Path:
    folder = os.environ.get("REAL_DATA_DIR")
    if not folder:
        pytest.skip(f"REAL_DATA_DIR is not set; the file is {relative} of {origin}")
    return Path(folder) / relative


def yfinance(name: str) -> pl.DataFrame:
    path = real(f"bad_ticks/{name}.csv", "tests/data of github.com/ranaroussi/yfinance, Apache-2.0")
    raw = pl.read_csv(path, infer_schema_length=None)
    raw = raw.rename({column: column.lower().replace(" ", "_") for column in raw.columns})
    stamp = raw.columns[0]
    day = pl.col(stamp).str.slice(0, 10).str.to_date()
    frame = raw.with_columns(pl.lit("X").alias("symbol"), day.cast(TIMESTAMP).alias("ts"), adjusted_close="adj_close")
    return conform(frame, BAR_SCHEMA)


@pytest.fixture(scope="module")
def aapl(calendar: TradingCalendar) -> pl.DataFrame:
    path = real("chains/aapl_2025-10-06.csv", "github.com/tyrneh/options-implied-probability, Apache-2.0")
    raw = pl.read_csv(path, infer_schema_length=None)
    frame = raw.with_columns(
        pl.lit(datetime(2025, 10, 6, 19, 59, 59, tzinfo=UTC)).cast(TIMESTAMP).alias("ts"),
        symbol="contract_symbol",
        last="last_price",
    )
    return conform(frame, QUOTE_SCHEMA)


def test_a_real_chain_passes_but_for_what_is_wrong_in_it(aapl: pl.DataFrame, calendar: TradingCalendar):
    checked = check_quotes(aapl, known={"AAPL"}, now=NOW, calendar=calendar)
    assert {rejection.rule for rejection in checked.rejections} <= {"zero_price", "crossed_quote"}
    assert len(checked.rejections) < 0.05 * aapl.height
    chain = build_chain(
        "AAPL",
        checked.good,
        spot=256.7,
        as_of=datetime(2025, 10, 6, 20, tzinfo=UTC),
        terms=Terms(),
        calendar=calendar,
        evidence=Evidence.RECORDED,
    )
    assert len(chain) == checked.good.height
    assert len(chain.expiries) == 21
    assert chain.standard.all()


def test_listed_expiries_are_a_part_of_the_real_ones(aapl: pl.DataFrame, calendar: TradingCalendar):
    days = aapl["symbol"].str.extract(r"(\d{6})[CP]").unique().to_list()
    listed = {datetime.strptime(day, "%y%m%d").replace(tzinfo=UTC).date() for day in days}
    assert set(calendar.listed_expiries(date(2025, 10, 6))) <= listed


def test_simulated_spreads_are_those_of_the_real_chain(aapl: pl.DataFrame, market: SampleMarket):
    """Relative spreads of contracts with a bid, by price of the contract in parts of the spot: medians within a factor of two."""

    def medians(quotes: pl.DataFrame, spot: float) -> np.ndarray:
        two_sided = quotes.filter(
            (pl.col("bid") > 0) & (pl.col("ask") > pl.col("bid")) & (pl.col("symbol").str.len_chars() > 8)
        )
        mid = (pl.col("bid") + pl.col("ask")) / 2
        part = two_sided.select(part=mid / spot, spread=(pl.col("ask") - pl.col("bid")) / mid)
        edges = [0.002, 0.01, 0.04, 0.15]
        groups = [part.filter(pl.col("part").is_between(*edge)) for edge in pairwise(edges)]
        assert all(group.height > 20 for group in groups)
        return np.array([group["spread"].median() for group in groups])

    ratio = medians(market.quotes(["AAPL"], SAMPLE_NOW), 430.76) / medians(aapl, 256.7)
    assert ((ratio > 0.5) & (ratio < 2)).all()


@pytest.mark.parametrize("name", ["CALM-1d-no-bad-divs", "KME-MI-1d-bad-div-fixed", "KME-MI-1d-bad-div"])
def test_good_prices_raise_no_alarm(name: str, calendar: TradingCalendar):
    bars = yfinance(name)
    checked = check_bars(bars, "1d", known=(), now=NOW, calendar=calendar)
    # Milan keeps other holidays; nothing else may be found.
    assert {rejection.rule for rejection in checked.rejections} <= {"out_of_session"}


def test_a_hundredfold_error_is_found_and_its_correction_passes(calendar: TradingCalendar):
    bad, fixed = yfinance("AET-L-1d-100x-error").sort("ts"), yfinance("AET-L-1d-100x-error-fixed").sort("ts")
    latest = {"X": Reference(price=14.55, ts=bad["ts"][0])}
    found = check_bars(bad, "1d", known=(), now=NOW, calendar=calendar, latest=latest).rejections
    # London is open on days when New York is not; those rows are kept out before their price is looked at.
    errors = {rejection.index for rejection in found if rejection.rule == "unit_error"}
    closed = {rejection.index for rejection in found if rejection.rule == "out_of_session"}
    wrong = set((bad["close"] < fixed["close"] / 50).arg_true().to_list())
    assert errors == wrong - closed
    assert errors
    passed = check_bars(fixed, "1d", known=(), now=NOW, calendar=calendar, latest=latest).rejections
    assert {rejection.rule for rejection in passed} <= {"out_of_session"}


def test_declared_dividends_are_recovered():
    path = real("history/etf_daily_2017.csv", "github.com/lambdaclass/options_backtester, MIT")
    raw = pl.read_csv(path, infer_schema_length=None)
    for (symbol,), own in raw.group_by("symbol"):
        bars = own.select(ts=pl.col("date").str.to_date().cast(TIMESTAMP), close="close", adjusted_close="adjClose")
        paid = own.sort("date").slice(1).select("date", "divCash").rows()
        declared = {date.fromisoformat(day): amount for day, amount in paid if amount > 0}
        splits = splits_from_adjusted(bars)
        assert splits == []
        found = {d.ex_date: float(d.amount) for d in dividends_from_adjusted(bars, splits)}
        assert found == pytest.approx(declared, abs=0.011), symbol
