from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.feeds.sample import SAMPLE_NOW, SampleMarket
from wheelhouse.feeds.source import MarketDataSource
from wheelhouse.market.calendar import TradingCalendar, nyse
from wheelhouse.market.chain import ChainSnapshot, build_chain
from wheelhouse.market.events import Dividend, Split, dividends_from_adjusted, splits_from_adjusted
from wheelhouse.market.frames import BAR_SCHEMA, QUOTE_SCHEMA
from wheelhouse.market.instruments import Evidence

EVER = (date(2000, 1, 1), date(2014, 1, 1))
NAMES = st.sampled_from(["AAPL", "GOOG", "IBM", "MSFT"])
MOMENTS = st.datetimes(datetime(2004, 10, 1), datetime(2013, 3, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive


def chain_at(market: SampleMarket, calendar: TradingCalendar, symbol: str, at: datetime) -> ChainSnapshot:
    quotes = market.quotes([symbol], at)
    share = quotes.row(0, named=True)
    return build_chain(
        symbol,
        quotes,
        spot=(share["bid"] + share["ask"]) / 2,
        as_of=quotes["ts"].max(),
        terms=market.terms(symbol, at),
        calendar=calendar,
        evidence=market.evidence,
    )


def test_it_is_a_source(market: SampleMarket):
    assert isinstance(market, MarketDataSource)
    assert market.symbols() == ("AAPL", "GOOG", "IBM", "MSFT")
    assert market.evidence is Evidence.SIMULATED


def test_bars_are_real_and_complete(market: SampleMarket, calendar: TradingCalendar):
    bars = market.bars(market.symbols(), *EVER)
    assert bars.schema == BAR_SCHEMA
    assert bars.null_count().sum_horizontal().item() == 0
    for symbol in market.symbols():
        days = bars.filter(symbol=symbol)["ts"].dt.date().to_list()
        assert days == calendar.sessions(days[0], date(2013, 3, 2))
    last = market.bars(["AAPL"], date(2013, 3, 1), date(2013, 3, 2))
    assert last["close"].to_list() == last["adjusted_close"].to_list() == [430.47]


@pytest.mark.parametrize(("symbol", "count"), [("AAPL", 3), ("IBM", 52), ("MSFT", 37), ("GOOG", 0)])
def test_dividends_of_the_sample(market: SampleMarket, symbol: str, count: int):
    bars = market.bars([symbol], *EVER)
    found = dividends_from_adjusted(bars, splits_from_adjusted(bars))
    assert len(found) == count
    amounts = {d.ex_date: d.amount for d in found}
    vectors = {"AAPL": (date(2012, 11, 7), "2.65"), "MSFT": (date(2004, 11, 15), "3.08")}
    if symbol in vectors:
        day, amount = vectors[symbol]
        assert amounts[day] == Decimal(amount)
    packaged: dict[date, Decimal] = {}
    for dividend in market.terms(symbol).dividends:
        packaged[dividend.ex_date] = packaged.get(dividend.ex_date, Decimal(0)) + dividend.amount
    assert packaged == amounts


def test_the_special_dividend_is_apart(market: SampleMarket):
    day = date(2004, 11, 15)
    assert [d for d in market.terms("MSFT").dividends if d.ex_date == day] == [
        Dividend(ex_date=day, amount=Decimal("3.00"), kind="special"),
        Dividend(ex_date=day, amount=Decimal("0.08")),
    ]


def test_splits_of_the_sample_are_splits_and_the_crash_is_none(market: SampleMarket):
    two = Fraction(2)
    expected = {
        "AAPL": [Split(ex_date=date(2000, 6, 21), ratio=two), Split(ex_date=date(2005, 2, 28), ratio=two)],
        "GOOG": [],
        "IBM": [],
        "MSFT": [Split(ex_date=date(2003, 2, 18), ratio=two)],
    }
    for symbol, splits in expected.items():
        assert splits_from_adjusted(market.bars([symbol], *EVER)) == splits
        assert list(market.terms(symbol).splits) == splits
    crash = market.bars(["AAPL"], date(2000, 9, 28), date(2000, 9, 30))["close"]
    assert crash[1] / crash[0] - 1 == pytest.approx(-0.52, abs=0.005)


def test_terms_know_what_was_announced(market: SampleMarket):
    eve = market.terms("AAPL", datetime(2012, 11, 6, 20, tzinfo=UTC))
    assert [d.ex_date for d in eve.dividends] == [date(2012, 8, 9), date(2012, 11, 7)]
    earlier = market.terms("AAPL", datetime(2012, 10, 1, 20, tzinfo=UTC))
    assert [d.ex_date for d in earlier.dividends] == [date(2012, 8, 9)]
    assert market.terms("GOOG").dividend_yield == 0
    assert market.terms("IBM").dividend_yield == pytest.approx(3.30 / 202, rel=0.05)
    assert market.terms("IBM", datetime(2001, 1, 3, 20, tzinfo=UTC)).rate == pytest.approx(0.0334, abs=1e-3)
    assert market.terms("IBM").earnings == ()


def test_the_same_question_has_the_same_answer(market: SampleMarket, calendar: TradingCalendar):
    first, again = (m.quotes(["IBM", "AAPL"], SAMPLE_NOW) for m in (market, SampleMarket(calendar)))
    assert first.equals(again)
    assert first.schema == QUOTE_SCHEMA


def test_open_interest_stays_from_day_to_day(market: SampleMarket):
    symbol = "IBM   130420P00195000"
    interest = [market.quotes([symbol], SAMPLE_NOW - timedelta(days=back))["open_interest"].item() for back in range(3)]
    assert max(interest) < 2 * min(interest)


@given(NAMES, MOMENTS)
@settings(max_examples=40, deadline=None)
def test_quotes_are_stamped_within_seconds(symbol: str, at: datetime):
    calendar = nyse(2036)
    quotes = SampleMarket(calendar).quotes([symbol], at)
    moment = min(at, calendar.close_at(calendar.session_of(at)))
    assert quotes["ts"].max() <= moment
    assert quotes["ts"].min() >= moment - timedelta(seconds=3)
    assert quotes["symbol"].n_unique() == quotes.height


@given(NAMES, MOMENTS)
@settings(max_examples=60, deadline=None)
def test_no_arbitrage_can_be_executed(symbol: str, at: datetime):
    calendar = nyse(2036)
    chain = chain_at(SampleMarket(calendar), calendar, symbol, at)
    sign = np.where(chain.is_call, 1.0, -1.0)
    assert (chain.bid >= 0).all()
    assert (chain.ask > chain.bid).all()
    assert (chain.ask >= sign * (chain.spot - chain.strike) - 1e-9).all()
    assert (chain.bid <= np.where(chain.is_call, chain.spot, chain.strike)).all()
    for expiry in chain.expiries:
        slice_ = chain.select(expiry)
        calls, puts = slice_.select(slice_.is_call), slice_.select(~slice_.is_call)
        assert (calls.strike == puts.strike).all()
        for side, direction in ((calls, 1.0), (puts, -1.0)):
            _check_strikes(side, direction)
        # American bounds of parity: S e^(-qT) - K <= C - P <= S - K e^(-rT), each at the prices one would trade at.
        years = calls.years_to_expiry
        spot_bid, spot_ask = chain.spot * np.exp(-chain.dividend_yield * years), chain.spot
        assert (calls.ask - puts.bid >= spot_bid - calls.strike - 1e-9).all()
        assert (calls.bid - puts.ask <= spot_ask - calls.strike * np.exp(-chain.rate * years) + 1e-9).all()
    _check_calendar(chain)


def _check_strikes(side: ChainSnapshot, direction: float) -> None:
    """No vertical pays to be opened or costs more than its width, and no butterfly pays to be opened."""
    k, bid, ask = side.strike, side.bid, side.ask
    for i in range(len(k) - 1):
        cheaper, dearer = (i, i + 1) if direction < 0 else (i + 1, i)
        assert ask[dearer] >= bid[cheaper] - 1e-9
        assert bid[dearer] - ask[cheaper] <= k[i + 1] - k[i] + 1e-9
    for i in range(len(k) - 2):
        weight = (k[i + 2] - k[i + 1]) / (k[i + 2] - k[i])
        assert weight * ask[i] + (1 - weight) * ask[i + 2] >= bid[i + 1] - 1e-9


def _check_calendar(chain: ChainSnapshot) -> None:
    """A later American option is never worth less than an earlier one."""
    best: dict[tuple[float, bool], float] = {}
    for strike, is_call, bid, ask in zip(chain.strike, chain.is_call, chain.bid, chain.ask, strict=True):
        key = (float(strike), bool(is_call))
        assert ask >= best.get(key, 0.0) - 1e-9
        best[key] = max(best.get(key, 0.0), float(bid))


@given(NAMES, st.dates(date(2004, 10, 1), date(2013, 3, 1)))
@settings(max_examples=40, deadline=None)
def test_chains_look_like_real_ones(symbol: str, day: date):
    calendar = nyse(2036)
    session = calendar.session_of(datetime(day.year, day.month, day.day, 23, tzinfo=UTC))
    chain = chain_at(SampleMarket(calendar), calendar, symbol, calendar.close_at(session) - timedelta(minutes=15))
    assert 8 <= len(chain.expiries) <= 13
    assert 150 <= len(chain) <= 500
    assert 0.01 <= (chain.bid == 0).mean() <= 0.25
    assert 0.27 <= (chain.volume == 0).mean() <= 0.80
    assert 0.03 <= (chain.open_interest == 0).mean() <= 0.18
    interest = np.log(chain.open_interest[chain.open_interest > 0])
    assert 3.5 <= interest.mean() <= 7.5
    assert 1.4 <= interest.std() <= 2.6
    quoted = np.concatenate([chain.bid[chain.bid >= 3], chain.ask[chain.ask > 3]])
    assert np.allclose(quoted * 20, np.round(quoted * 20))


@given(NAMES, st.dates(date(2004, 10, 1), date(2013, 3, 1)))
@settings(max_examples=40, deadline=None)
def test_a_wheel_finds_puts_to_consider(symbol: str, day: date):
    """Thirty to forty-five days out, one to eight tenths of a standard deviation below the market."""
    calendar = nyse(2036)
    session = calendar.session_of(datetime(day.year, day.month, day.day, 23, tzinfo=UTC))
    chain = chain_at(SampleMarket(calendar), calendar, symbol, calendar.close_at(session) - timedelta(minutes=15))
    days = np.array([(expiry - session).days for expiry in chain.expiry.tolist()])
    below = (
        ~chain.is_call & (days >= 30) & (days <= 45) & (chain.strike < chain.spot) & (chain.strike > 0.8 * chain.spot)
    )
    tight = (chain.ask - chain.bid) <= 0.1 * (chain.ask + chain.bid) / 2
    assert below.any()
    assert (below & tight & (chain.open_interest >= 100) & (chain.volume > 0)).any()


def test_an_option_is_quoted_by_its_symbol_listed_or_not(market: SampleMarket):
    whole = market.quotes(["MSFT"], SAMPLE_NOW)
    listed = whole.filter(pl.col("symbol").str.starts_with("MSFT  130420P"))["symbol"][3]
    unlisted, expired = "MSFT  130420P00026250", "MSFT  130216P00027000"
    found = market.quotes([listed, unlisted, expired], SAMPLE_NOW)
    assert found["symbol"].to_list() == sorted([listed, unlisted])
    assert found.filter(symbol=listed).equals(whole.filter(symbol=listed))
    both = market.quotes(["MSFT", unlisted], SAMPLE_NOW)
    assert both.height == whole.height + 1


def test_after_the_sample_its_last_close_stands(market: SampleMarket):
    late = market.quotes(["AAPL"], datetime(2026, 1, 5, 18, tzinfo=UTC))
    assert late["ts"].max() == datetime(2013, 3, 1, 21, tzinfo=UTC)
    assert late["last"][0] == 430.47


def test_what_is_not_in_the_sample_is_refused(market: SampleMarket):
    with pytest.raises(NotFound, match="AAPL, GOOG, IBM, MSFT"):
        market.quotes(["TSLA"], SAMPLE_NOW)
    with pytest.raises(NotFound, match="adjusted"):
        market.quotes(["AAPL1 130420P00400000"], SAMPLE_NOW)
    with pytest.raises(InvalidInput, match="begins on 2004-08-19"):
        market.quotes(["GOOG"], datetime(2003, 1, 2, 18, tzinfo=UTC))
    with pytest.raises(NotFound):
        market.terms("TSLA")


@given(NAMES, MOMENTS)
@settings(max_examples=25, deadline=None)
def test_mids_lie_above_intrinsic_value(symbol: str, at: datetime):
    calendar = nyse(2036)
    chain = chain_at(SampleMarket(calendar), calendar, symbol, at)
    intrinsic = np.where(chain.is_call, chain.spot - chain.strike, chain.strike - chain.spot)
    quoted = chain.bid > 0
    assert ((chain.bid + chain.ask)[quoted] / 2 > intrinsic[quoted]).all()


@pytest.mark.parametrize("at", [datetime(2000, 10, 2, 15, tzinfo=UTC), SAMPLE_NOW])
def test_a_part_of_the_market_is_that_of_the_whole(market: SampleMarket, at: datetime):
    whole = market.quotes(["AAPL"], at)
    assert market.share_quotes(["AAPL"], at).equals(whole.head(1))
    listed = [contract.text for contract in market.listed("AAPL", at)]
    assert sorted(listed) == sorted(whole["symbol"].to_list()[1:])
    part = listed[::7]
    assert market.quotes(part, at).sort("symbol").equals(whole.filter(pl.col("symbol").is_in(part)).sort("symbol"))
