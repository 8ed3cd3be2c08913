from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from wheelhouse.errors import InvalidInput
from wheelhouse.market.calendar import nyse
from wheelhouse.market.chain import ChainSnapshot, build_chain
from wheelhouse.market.events import Terms
from wheelhouse.market.frames import QUOTE_SCHEMA, empty_quotes
from wheelhouse.market.instruments import (
    Deliverable,
    Evidence,
    Exercise,
    OptionContract,
    SettlementTime,
    contract_from_osi,
)

NOW = datetime(2013, 3, 1, 20, 45, tzinfo=UTC)


def quotes(*symbols: str, **columns: float | None) -> pl.DataFrame:
    row = {"ts": NOW, "bid": 1.0, "ask": 1.1, **columns}
    return pl.DataFrame([{"symbol": symbol, **row} for symbol in symbols], schema=QUOTE_SCHEMA)


def chain_of(frame: pl.DataFrame, terms: Terms | None = None, **instruments: OptionContract) -> ChainSnapshot:
    return build_chain(
        "AAPL",
        frame,
        spot=430.0,
        as_of=NOW,
        terms=terms or Terms(rate=0.001, dividend_yield=0.02),
        calendar=nyse(2036),
        evidence=Evidence.SIMULATED,
        instruments={contract.symbol: contract for contract in instruments.values()},
    )


def test_columns_follow_from_the_symbols():
    chain = chain_of(
        quotes(
            "AAPL", "AAPL  130420C00430000", "AAPL  130316P00425500", "MSFT  130316P00025000", "AAPL1 130316P00425000"
        )
    )
    assert chain.symbols == ("AAPL1 130316P00425000", "AAPL  130316P00425500", "AAPL  130420C00430000")
    assert chain.strike.tolist() == [425.0, 425.5, 430.0]
    assert chain.is_call.tolist() == [False, False, True]
    assert chain.expiries == (date(2013, 3, 16), date(2013, 4, 20))
    assert chain.last_trading_day.tolist() == [date(2013, 3, 15), date(2013, 3, 15), date(2013, 4, 19)]
    assert chain.years_to_expiry[0] * 365 * 1440 == pytest.approx(14 * 1440 + 15 - 60)
    assert chain.standard.tolist() == [False, True, True]
    assert (chain.rate, chain.dividend_yield, chain.exercise) == (0.001, 0.02, Exercise.AMERICAN)
    assert chain.quote_ts.dtype == np.dtype("datetime64[us]")
    assert chain.quote_ts[0] == np.datetime64("2013-03-01T20:45")


def test_unknown_is_nan_and_zero_is_zero():
    chain = chain_of(quotes("AAPL  130420C00430000", bid=0.0, ask=None))
    assert chain.bid.tolist() == [0.0]
    assert np.isnan(chain.ask[0])
    assert np.isnan(chain.open_interest[0])


def test_expired_contracts_are_left_out():
    chain = chain_of(quotes("AAPL  130223P00430000", "AAPL  130301P00430000"))
    assert chain.symbols == ("AAPL  130301P00430000",)
    assert chain.years_to_expiry * 365 * 1440 == pytest.approx([15])


def test_instruments_override_the_symbol():
    base = contract_from_osi("AAPL  130316P00425000")
    odd = replace(
        base,
        last_trading_day=date(2013, 3, 14),
        exercise_multiplier=10,
        deliverable=Deliverable(shares=(("AAPL", 10),), cash=Decimal(5)),
    )
    merged = replace(contract_from_osi("OLD1  130316C00430000"), underlying="AAPL")
    chain = chain_of(quotes(odd.symbol, merged.symbol), odd=odd, merged=merged)
    assert chain.symbols == (odd.symbol, merged.symbol)
    assert chain.exercise_multiplier.tolist() == [10, 100]
    assert chain.standard.tolist() == [False, False]
    assert chain.last_trading_day[0].item() == date(2013, 3, 14)
    assert chain.years_to_expiry[0] < chain.years_to_expiry[1]


def test_index_options_settle_at_the_open():
    terms = Terms(exercise=Exercise.EUROPEAN, settlement_time=SettlementTime.AM)
    chain = chain_of(quotes("AAPL  130316P00425000"), terms)
    assert chain.last_trading_day[0].item() == date(2013, 3, 14)
    assert chain.years_to_expiry[0] * 365 * 1440 == pytest.approx(13 * 1440 + 17 * 60 + 45 - 60)


def test_selection_by_expiry_and_by_mask():
    chain = chain_of(quotes("AAPL  130420C00430000", "AAPL  130316P00425000", "AAPL  130316C00425000"))
    assert chain.select(date(2013, 3, 16)).symbols == ("AAPL  130316P00425000", "AAPL  130316C00425000")
    assert chain.select(chain.is_call).symbols == ("AAPL  130316C00425000", "AAPL  130420C00430000")
    with pytest.raises(InvalidInput, match="mask"):
        chain.select(np.array([True]))


def test_an_empty_market_gives_an_empty_chain():
    chain = chain_of(empty_quotes())
    assert len(chain) == 0
    assert chain.expiries == ()


def test_columns_of_another_length_are_refused():
    chain = chain_of(quotes("AAPL  130420C00430000"))
    with pytest.raises(InvalidInput, match="bid has shape"):
        replace(chain, bid=np.array([1.0, 2.0]))
