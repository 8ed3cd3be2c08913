import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.market.events import Dividend, Earnings, Terms
from wheelhouse.market.instruments import Right
from wheelhouse.strategy.figures import annualized, columns, figures, raw_yield


@given(strike=st.floats(1, 5000), share=st.floats(0.0001, 0.5), dte=st.integers(-1, 800))
def test_the_yield_is_the_bid_on_what_secures_it(strike: float, share: float, dte: int) -> None:
    bid = strike * share
    raw = raw_yield(np.array([bid]), np.array([strike]))
    assert raw[0] == pytest.approx(bid / (strike - bid))
    assert annualized(raw, np.array([dte]))[0] == pytest.approx(bid / (strike - bid) * 365 / max(1, dte))


def test_the_row_of_a_put_is_what_a_trader_computes(world: Any) -> None:
    expiry = world.expiries[1]
    symbol = world.symbol("put", 95.0, expiry)
    valued = world.chain(quotes={symbol: {"bid": 2.10, "ask": 2.20, "open_interest": 321.0, "volume": 7.0}})
    terms = Terms(
        dividends=(
            Dividend(ex_date=date(2024, 3, 4), amount=Decimal(9)),
            Dividend(ex_date=date(2024, 3, 8), amount=Decimal("0.25")),
        ),
        earnings=(Earnings(date=date(2024, 4, 30), session="amc"),),
    )
    view = world.view(valued, terms=terms, iv_rank=0.42)
    row = figures(view, valued, columns(valued, world.now), valued.chain.symbols.index(symbol), world.now)
    years = (datetime(2024, 4, 5, 20, tzinfo=UTC) - world.now).total_seconds() / (365 * 86_400)
    _, delta, itm = world.textbook(100.0, 95.0, years, 0.30, 0.04, call=False)
    assert (row.symbol, row.right, row.strike, row.expiry, row.dte) == (symbol, Right.PUT, 95.0, expiry, 32)
    assert row.raw_yield == pytest.approx(2.10 / 92.90)
    assert row.annualized_yield == pytest.approx(2.10 / 92.90 * 365 / 32)
    assert row.breakeven == pytest.approx(92.90)
    assert row.otm_fraction == pytest.approx(0.05)
    assert row.spread_fraction == pytest.approx(0.10 / 2.15)
    assert (row.delta, row.probability_itm) == (pytest.approx(delta), pytest.approx(itm))
    assert row.delta is not None
    assert row.probability_itm is not None
    assert row.probability_itm > abs(row.delta)  # N(-d2), not N(-d1)
    assert (row.implied_volatility, row.iv_rank) == (0.30, 0.42)
    assert (row.earnings, row.ex_date, row.dividend) == (date(2024, 4, 30), date(2024, 3, 8), 0.25)
    assert (row.open_interest, row.volume) == (321.0, 7.0)
    assert row.if_called_return is None


def test_the_row_of_a_call_counts_on_the_shares(world: Any) -> None:
    symbol = world.symbol("call", 105.0, world.expiries[1])
    valued = world.chain(quotes={symbol: {"bid": 1.50, "ask": 1.60}})
    row = figures(world.view(valued), valued, columns(valued, world.now), valued.chain.symbols.index(symbol), world.now)
    assert row.breakeven == pytest.approx(98.50)
    assert row.raw_yield == pytest.approx(1.50 / 103.50)
    assert row.raw_yield is not None
    assert row.raw_yield <= 1.50 / 98.50  # never more than the static return on the shares
    assert row.if_called_return == pytest.approx(6.50 / 98.50)


def test_what_is_unknown_is_none_and_not_zero(world: Any) -> None:
    symbol = world.symbol("put", 95.0, world.expiries[1])
    nothing = {"bid": math.nan, "ask": math.nan, "volume": math.nan, "open_interest": math.nan}
    valued = world.chain(quotes={symbol: nothing})
    row = figures(world.view(valued), valued, columns(valued, world.now), valued.chain.symbols.index(symbol), world.now)
    for name in (
        "bid",
        "ask",
        "delta",
        "probability_itm",
        "breakeven",
        "raw_yield",
        "annualized_yield",
        "implied_volatility",
        "iv_rank",
        "earnings",
        "ex_date",
        "dividend",
        "open_interest",
        "volume",
        "spread_fraction",
    ):
        assert getattr(row, name) is None, name
    assert row.otm_fraction == pytest.approx(0.05)
