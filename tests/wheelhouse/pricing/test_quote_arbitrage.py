from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.market.chain import ChainSnapshot
from wheelhouse.market.instruments import Evidence, Exercise
from wheelhouse.pricing import black_scholes
from wheelhouse.pricing.american import american_price
from wheelhouse.pricing.quote_arbitrage import ArbitrageKind, quote_arbitrage

NOW = datetime(2013, 3, 1, 21, tzinfo=UTC)
SPOT, RATE, YIELD = 100.0, 0.04, 0.01


def chain_of(rows, exercise=Exercise.AMERICAN):
    """Options as (days, right, strike, bid, ask)."""
    days, right, strike, bid, ask = zip(*rows, strict=True)
    dates = [(NOW + timedelta(days=int(each))).date() for each in days]
    expiry = np.array(dates, dtype="datetime64[D]")
    n = len(rows)
    return ChainSnapshot(
        underlying="XYZ",
        spot=SPOT,
        as_of=NOW,
        rate=RATE,
        dividend_yield=YIELD,
        exercise=exercise,
        evidence=Evidence.SIMULATED,
        symbols=tuple(
            f"XYZ   {day:%y%m%d}{r}{round(1000 * k):08d}" for day, r, k in zip(dates, right, strike, strict=True)
        ),
        expiry=expiry,
        last_trading_day=expiry,
        years_to_expiry=np.array(days, dtype=float) / 365,
        strike=np.array(strike, dtype=float),
        is_call=np.array([r == "C" for r in right]),
        bid=np.array(bid, dtype=float),
        ask=np.array(ask, dtype=float),
        last=np.full(n, np.nan),
        volume=np.full(n, 10.0),
        open_interest=np.full(n, 100.0),
        quote_ts=np.full(n, "2013-03-01T20:59", dtype="datetime64[us]"),
        exercise_multiplier=np.full(n, 100),
        standard=np.ones(n, dtype=bool),
    )


def fair_rows(exercise, volatility, half_spread):
    value = american_price if exercise is Exercise.AMERICAN else black_scholes.price
    rows = []
    for days in (14, 49, 140, 385):
        for right in "CP":
            for strike in np.arange(70.0, 135.0, 5.0):
                mid = float(value(SPOT, strike, days / 365, volatility, RATE, YIELD, right == "C"))
                rows.append((days, right, strike, max(mid - half_spread, 0.0), mid + half_spread))
    return rows


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(list(Exercise)), st.floats(0.1, 0.9), st.sampled_from([0.001, 0.02, 0.3]))
def test_quotes_around_one_model_hold_nothing(exercise, volatility, half_spread):
    assert quote_arbitrage(chain_of(fair_rows(exercise, volatility, half_spread), exercise)) == ()


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(list(Exercise)), st.integers(0, 103), st.sampled_from([-1, 1]))
def test_one_quote_far_off_is_found(exercise, which, sign):
    rows = fair_rows(exercise, 0.3, 0.005)
    days, right, strike, bid, ask = rows[which]
    # Far above every neighbour, or sold for a cent where it is worth something.
    rows[which] = (days, right, strike, bid + 40.0, ask + 40.0) if sign > 0 else (days, right, strike, 0.0, 0.01)
    chain = chain_of(rows, exercise)
    found = quote_arbitrage(chain)
    if sign > 0:
        assert {(chain.symbols[which], -1.0)} <= {leg for each in found for leg in each.legs}
    elif bid > 0.5:
        assert chain.symbols[which] in {symbol for each in found for symbol, quantity in each.legs if quantity > 0}


CASES = {
    "a higher call dearer": (
        [(30, "C", 100, 3.0, 3.1), (30, "C", 105, 3.3, 3.4)],
        ArbitrageKind.VERTICAL,
        (("C00100000", 1.0), ("C00105000", -1.0)),
        0.2,
    ),
    "a call spread dearer than its width": (
        [(30, "C", 100, 9.5, 9.6), (30, "C", 105, 4.0, 4.2)],
        ArbitrageKind.VERTICAL,
        (("C00105000", 1.0), ("C00100000", -1.0)),
        0.3,
    ),
    "a lower put dearer": (
        [(30, "P", 95, 3.0, 3.1), (30, "P", 100, 2.7, 2.8)],
        ArbitrageKind.VERTICAL,
        (("P00100000", 1.0), ("P00095000", -1.0)),
        0.2,
    ),
    "a put spread dearer than its width": (
        [(30, "P", 95, 1.0, 1.1), (30, "P", 100, 6.3, 6.4)],
        ArbitrageKind.VERTICAL,
        (("P00095000", 1.0), ("P00100000", -1.0)),
        0.2,
    ),
    "a belly dearer than its wings, on uneven strikes": (
        [(30, "C", 95, 6.9, 7.0), (30, "C", 100, 5.5, 5.6), (30, "C", 110, 0.9, 1.0)],
        ArbitrageKind.BUTTERFLY,
        (("C00095000", 2 / 3), ("C00110000", 1 / 3), ("C00100000", -1.0)),
        0.5,
    ),
    "an earlier option dearer": (
        [(30, "C", 105, 2.0, 2.1), (60, "C", 105, 1.7, 1.8)],
        ArbitrageKind.CALENDAR,
        (("C00105000", 1.0), ("C00105000", -1.0)),
        0.2,
    ),
    "a call and a put too far apart": (
        [(365, "C", 100, 12.0, 12.1), (365, "P", 100, 7.5, 7.6)],
        ArbitrageKind.PARITY,
        (("P00100000", 1.0), ("C00100000", -1.0)),
        # Borrowed: 100 exp(-0.04); the share and the difference of the options cost 100 - 4.4.
        12.0 - 7.6 - 100 + 100 * np.exp(-0.04),
    ),
    "a put too dear for its call": (
        [(365, "C", 100, 3.0, 3.1), (365, "P", 100, 5.0, 5.1)],
        ArbitrageKind.PARITY,
        (("C00100000", 1.0), ("P00100000", -1.0)),
        100 * np.exp(-0.01) - 100 - 3.1 + 5.0,
    ),
    "less than the intrinsic value": (
        [(30, "P", 110, 9.5, 9.7)],
        ArbitrageKind.BOUND,
        (("P00110000", 1.0),),
        0.3,
    ),
    "more than the share": ([(30, "C", 50, 100.5, 101)], ArbitrageKind.BOUND, (("C00050000", -1.0),), 0.5),
}


@pytest.mark.parametrize("case", CASES)
def test_names_the_portfolio_and_what_it_earns(case):
    rows, kind, legs, profit = CASES[case]
    found = [each for each in quote_arbitrage(chain_of(rows)) if each.kind is kind]
    assert len(found) == 1
    assert [(symbol[12:], quantity) for symbol, quantity in found[0].legs] == [
        (name, pytest.approx(quantity)) for name, quantity in legs
    ]
    assert found[0].profit == pytest.approx(profit)
    # At these prices less the fee there is nothing to earn.
    assert [each for each in quote_arbitrage(chain_of(rows), least_profit=profit + 0.001) if each.kind is kind] == []


def test_a_european_calendar_compares_forward_strikes():
    """Without dividends an early deep European put can be worth more than a later one; that is no arbitrage."""
    near = float(black_scholes.price(100, 150, 0.1, 0.2, 0.08, 0.0, False))
    far = float(black_scholes.price(100, 150, 1.0, 0.2, 0.08, 0.0, False))
    rows = [(36.5, "P", 150, near - 0.01, near + 0.01), (365, "P", 150, far - 0.01, far + 0.01)]
    chain = replace(chain_of(rows, Exercise.EUROPEAN), rate=0.08, dividend_yield=0.0)
    assert near > far
    assert quote_arbitrage(chain) == ()
    american = quote_arbitrage(replace(chain, exercise=Exercise.AMERICAN))
    assert ArbitrageKind.CALENDAR in {each.kind for each in american}


def test_what_cannot_be_traded_is_no_arbitrage():
    rows = [(30, "C", 100, 3.0, 3.1), (30, "C", 105, 3.3, 3.4)]
    chain = chain_of(rows)
    assert quote_arbitrage(chain, stale=np.array([False, True])) == ()
    assert quote_arbitrage(replace(chain, standard=np.array([True, False]))) == ()
    assert quote_arbitrage(chain_of([rows[0], (30, "C", 105, 3.5, 3.4)])) == ()
    assert quote_arbitrage(chain_of([rows[0], (30, "C", 105, 0.0, np.nan)])) == ()
    assert quote_arbitrage(chain.select(np.zeros(2, dtype=bool))) == ()
    with pytest.raises(InvalidInput, match=r"stale has shape \(3,\)"):
        quote_arbitrage(chain, stale=np.zeros(3, dtype=bool))
