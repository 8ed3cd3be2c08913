from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from wheelhouse.errors import InvalidInput
from wheelhouse.market.events import Dividend, Earnings, Split, Terms
from wheelhouse.market.frames import BAR_SCHEMA, QUOTE_SCHEMA
from wheelhouse.market.instruments import (
    Deliverable,
    Evidence,
    Exercise,
    MalformedSymbol,
    Settlement,
    SettlementTime,
    contract_from_osi,
)
from wheelhouse.store.protocol import Store
from wheelhouse.store.records import WriteResult

NOON = datetime(2013, 3, 1, 17, 0, 0, 123456, tzinfo=UTC)
PUT = "AAPL  130316P00400000"
ADJUSTED = "AAPL1 130316P00040000"


def quotes(*rows: tuple[str, datetime, float | None, float | None]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["symbol", "ts", "bid", "ask"], orient="row")
    return frame.with_columns(pl.col("bid", "ask").cast(pl.Float64))


def bars(symbol: str, closes: list[float], start: date = date(2013, 1, 2)) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "symbol": symbol,
            "ts": [
                datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(days=i) for i in range(len(closes))
            ],
            "open": closes,
            "high": closes,
            "low": closes,
            "close": closes,
            "volume": 1000.0,
            "adjusted_close": None,
        },
        schema_overrides={"adjusted_close": pl.Float64},
    ).select(BAR_SCHEMA.names())


def write(store: Store, *rows: tuple[str, datetime, float | None, float | None], replace: bool = False) -> WriteResult:
    return store.write_quotes(quotes(*rows), evidence=Evidence.SIMULATED, replace=replace)


def test_quotes_come_back_as_they_went_in_with_microseconds_nulls_and_evidence(store: Store) -> None:
    frame = pl.DataFrame(
        {"symbol": ["AAPL", PUT], "ts": [NOON, NOON], "bid": [430.1, 0.0], "ask": [430.2, None], "volume": [None, 7.0]}
    )
    assert store.write_quotes(frame, evidence=Evidence.RECORDED) == WriteResult(accepted=2, duplicates=0)
    found = store.latest_quotes()
    assert found.schema == pl.Schema({**QUOTE_SCHEMA, "evidence": pl.String()})
    assert_frame_equal(found.select(frame.columns), frame.with_columns(pl.col("ts").cast(QUOTE_SCHEMA["ts"])))
    assert set(found["evidence"]) == {"recorded"}
    assert found["open_interest"].null_count() == 2
    assert_frame_equal(store.quotes(PUT), found.filter(pl.col("symbol") == PUT))


def test_nan_is_unknown_and_stored_as_null(store: Store) -> None:
    write(store, ("AAPL", NOON, float("nan"), 430.2))
    assert store.latest_quotes()["bid"].to_list() == [None]


def test_an_empty_batch_is_accepted(store: Store) -> None:
    assert store.write_quotes(pl.DataFrame(schema=QUOTE_SCHEMA), evidence=Evidence.LIVE) == WriteResult(
        accepted=0, duplicates=0
    )
    assert store.latest_quotes().schema["ts"] == QUOTE_SCHEMA["ts"]


def test_the_same_values_are_a_duplicate_and_others_a_conflict(store: Store) -> None:
    write(store, ("AAPL", NOON, None, 430.2), ("MSFT", NOON, 27.0, 27.1))
    later = NOON + timedelta(seconds=1)
    result = write(
        store,
        ("MSFT", NOON, 27.0, 27.2),
        ("AAPL", NOON, None, 430.2),
        ("MSFT", later, 27.0, 27.2),
        ("AAPL", NOON, 1.0, 430.2),
    )
    assert result == WriteResult(accepted=1, duplicates=1, conflicts=(0, 3))
    assert store.quotes("MSFT")["ask"].to_list() == [27.1, 27.2]


def test_a_batch_may_repeat_itself(store: Store) -> None:
    result = write(store, ("AAPL", NOON, 1.0, 2.0), ("AAPL", NOON, 1.0, 2.0), ("AAPL", NOON, 1.0, 2.5))
    assert result == WriteResult(accepted=1, duplicates=1, conflicts=(2,))
    assert store.quotes("AAPL").height == 1


def test_replace_puts_other_values_in_the_place_of_the_stored_ones(store: Store) -> None:
    write(store, ("AAPL", NOON, 1.0, 2.0), ("MSFT", NOON, 27.0, 27.1))
    result = write(store, ("AAPL", NOON, 1.5, 2.0), ("MSFT", NOON, 27.0, 27.1), replace=True)
    assert result == WriteResult(accepted=1, duplicates=1)
    assert store.latest_quotes()["bid"].to_list() == [1.5, 27.0]
    assert store.quotes("AAPL")["bid"].to_list() == [1.5]
    assert store.verify() == []


def test_a_late_quote_joins_the_history_and_leaves_the_latest_alone(store: Store) -> None:
    earlier = NOON - timedelta(minutes=1)
    write(store, ("AAPL", NOON, 1.0, 2.0))
    write(store, ("AAPL", earlier, 0.5, 2.0), ("AAPL", earlier - timedelta(minutes=1), 0.4, 2.0))
    assert store.latest_quotes()["bid"].to_list() == [1.0]
    assert store.quotes("AAPL")["bid"].to_list() == [0.4, 0.5, 1.0]
    assert store.quotes("AAPL", start=earlier, end=NOON)["bid"].to_list() == [0.5]
    assert store.quotes("AAPL", limit=1)["bid"].to_list() == [0.4]


def test_a_chain_is_what_belongs_to_the_underlying(store: Store) -> None:
    write(
        store, ("AAPL", NOON, 1.0, 2.0), (PUT, NOON, 1.0, 2.0), (ADJUSTED, NOON, 1.0, 2.0), ("MSFT", NOON, 27.0, 27.1)
    )
    assert set(store.latest_quotes("AAPL")["symbol"]) == {"AAPL", PUT, ADJUSTED}
    assert store.latest_quotes("IBM").is_empty()


def test_an_instrument_may_name_another_underlying_than_its_symbol(store: Store) -> None:
    contract = contract_from_osi("XYZQ  130316P00400000")
    write(store, (contract.symbol, NOON, 1.0, 2.0))
    renamed = type(contract)(
        **{name: getattr(contract, name) for name in type(contract).__slots__} | {"underlying": "ABC"}
    )
    store.put_instruments([renamed])
    assert store.latest_quotes("ABC")["symbol"].to_list() == [contract.symbol]
    assert store.latest_quotes("XYZQ").is_empty()


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (pl.DataFrame({"symbol": ["AAPL"], "ts": [NOON], "bid": [1.0]}), InvalidInput, "ask"),
        (quotes(("AAPL", NOON, 1.0, 2.0)).with_columns(symbol=pl.lit(None, pl.String)), InvalidInput, "row 0: symbol"),
        (quotes(("not a symbol", NOON, 1.0, 2.0)), MalformedSymbol, "not a symbol"),
    ],
)
def test_rows_that_cannot_be_stored_are_refused(
    store: Store, frame: pl.DataFrame, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        store.write_quotes(frame, evidence=Evidence.LIVE)
    assert store.counts()["quotes"] == 0


def test_bars_by_interval_range_and_limit(store: Store) -> None:
    daily = bars("AAPL", [1.0, 2.0, 3.0])
    assert store.write_bars("1d", daily) == WriteResult(accepted=3, duplicates=0)
    assert store.write_bars("1m", daily.head(1)) == WriteResult(accepted=1, duplicates=0)
    assert store.write_bars("1d", daily) == WriteResult(accepted=0, duplicates=3)
    assert store.write_bars("1d", bars("AAPL", [1.0, 9.0])) == WriteResult(accepted=0, duplicates=1, conflicts=(1,))
    assert store.write_bars("1d", bars("AAPL", [1.0, 9.0]), replace=True) == WriteResult(accepted=1, duplicates=1)
    store.write_bars("1d", bars("IBM", [100.0]))
    assert store.bars("AAPL")["close"].to_list() == [1.0, 9.0, 3.0]
    assert store.bars("AAPL").schema == BAR_SCHEMA
    second = datetime(2013, 1, 3, tzinfo=UTC)
    assert store.bars("AAPL", "1d", start=second)["close"].to_list() == [9.0, 3.0]
    assert store.bars("AAPL", "1d", end=second)["close"].to_list() == [1.0]
    assert store.bars("AAPL", "1d", limit=2)["close"].to_list() == [1.0, 9.0]
    assert store.latest_bars().select("symbol", "close").rows() == [("AAPL", 3.0), ("IBM", 100.0)]


def test_terms_and_instruments_come_back_exactly(store: Store) -> None:
    terms = Terms(
        rate=0.05,
        dividend_yield=0.01,
        exercise=Exercise.EUROPEAN,
        settlement=Settlement.CASH,
        settlement_time=SettlementTime.AM,
        dividends=(
            Dividend(ex_date=date(2012, 11, 7), amount=Decimal("2.65"), pay_date=date(2012, 11, 15), kind="special"),
        ),
        splits=(
            Split(ex_date=date(2020, 8, 31), ratio=Fraction(4)),
            Split(ex_date=date(2021, 1, 4), ratio=Fraction(1, 10)),
        ),
        earnings=(Earnings(date=date(2013, 4, 23), session="amc"),),
    )
    store.put_terms("AAPL", Terms())
    store.put_terms("AAPL", terms)
    assert store.terms() == {"AAPL": terms}
    plain = contract_from_osi(PUT)
    odd = type(plain)(
        **{name: getattr(plain, name) for name in type(plain).__slots__}
        | {"symbol": ADJUSTED, "deliverable": Deliverable(shares=(("AAPL", 10), ("ABC", 3)), cash=Decimal("1.23"))}
    )
    store.put_instruments([plain, odd, plain])
    assert store.instruments() == {PUT: plain, ADJUSTED: odd}
    store.put_instruments([])


def test_underlyings_are_known_from_whatever_speaks_of_them(store: Store) -> None:
    write(store, (PUT, NOON, 1.0, 2.0))
    store.write_bars("1d", bars("IBM", [1.0]))
    store.put_terms("MSFT", Terms())
    store.put_instruments([contract_from_osi("GOOG  130316P00400000")])
    assert store.underlyings() == {"AAPL", "IBM", "MSFT", "GOOG"}


def test_the_quarantine_keeps_what_was_refused(store: Store) -> None:
    frame = quotes(("AAPL", NOON, 3.0, 2.0), ("AAPL", NOON, 1.0, 2.0), ("AAPL", NOON, float("nan"), 2.0))
    refused = [
        SimpleNamespace(index=0, rule="crossed_quote", detail="bid 3 above ask 2"),
        SimpleNamespace(index=2, rule="not_finite", detail="bid is NaN"),
    ]
    store.quarantine("quotes", frame, refused, received_at=NOON)
    store.quarantine("bars", frame, [], received_at=NOON)
    kept = store.quarantined("quotes")
    assert {it.rule for it in kept} == {"crossed_quote", "not_finite"}
    assert '"bid": "nan"' in next(it.record for it in kept if it.rule == "not_finite")
    assert all(it.received_at == NOON for it in kept)
    assert store.quarantined("bars") == []
    assert len(store.quarantined(limit=1)) == 1
