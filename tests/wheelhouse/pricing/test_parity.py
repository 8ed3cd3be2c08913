from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.market.chain import ChainSnapshot
from wheelhouse.market.instruments import Evidence, Exercise
from wheelhouse.pricing import black_scholes
from wheelhouse.pricing.american import american_price
from wheelhouse.pricing.parity import parity_forwards

NOW = datetime(2013, 3, 1, 20, 45, tzinfo=UTC)
DAYS = {"2013-03-22": 21, "2013-06-21": 112, "2014-03-21": 385}
STRIKES = np.arange(70.0, 131.0, 2.5)


def chain_of(rate, dividend_yield, *, exercise=Exercise.AMERICAN, told_rate=None, half_spread=0.02, spot=100.0):
    """Calls and puts of three expiries at 30 % volatility, quoted around their exact values."""
    expiry = np.repeat(np.array(list(DAYS), dtype="datetime64[D]"), 2 * STRIKES.size)
    years = np.repeat(np.array(list(DAYS.values())) / 365.0, 2 * STRIKES.size)
    strike = np.tile(STRIKES, 2 * len(DAYS))
    is_call = np.tile(np.repeat([True, False], STRIKES.size), len(DAYS))
    value = american_price if exercise is Exercise.AMERICAN else black_scholes.price
    mid = value(spot, strike, years, 0.3, rate, dividend_yield, is_call)
    n = strike.size
    return ChainSnapshot(
        underlying="XYZ",
        spot=spot,
        as_of=NOW,
        rate=rate if told_rate is None else told_rate,
        dividend_yield=0.0,
        exercise=exercise,
        evidence=Evidence.SIMULATED,
        symbols=tuple(
            f"XYZ   {str(day)[2:].replace('-', '')}{'C' if call else 'P'}{round(1000 * k):08d}"
            for day, call, k in zip(expiry, is_call, strike, strict=True)
        ),
        expiry=expiry,
        last_trading_day=expiry,
        years_to_expiry=years,
        strike=strike,
        is_call=is_call,
        bid=np.maximum(mid - half_spread, 0.0),
        ask=mid + half_spread,
        last=np.full(n, np.nan),
        volume=np.full(n, 10.0),
        open_interest=np.full(n, 100.0),
        quote_ts=np.full(n, "2013-03-01T20:44", dtype="datetime64[us]"),
        exercise_multiplier=np.full(n, 100),
        standard=np.ones(n, dtype=bool),
    )


def exact_forwards(rate, dividend_yield, spot=100.0):
    return spot * np.exp((rate - dividend_yield) * np.array(list(DAYS.values())) / 365.0)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.0, 0.08), st.floats(0.0, 0.05), st.sampled_from(list(Exercise)))
def test_gives_back_the_forwards_that_the_quotes_were_made_of(rate, dividend_yield, exercise):
    found = parity_forwards(chain_of(rate, dividend_yield, exercise=exercise))
    assert [str(each.expiry) for each in found] == list(DAYS)
    assert [each.forward for each in found] == pytest.approx(exact_forwards(rate, dividend_yield), rel=2e-5)
    assert [each.rate for each in found] == pytest.approx([rate] * 3, abs=5e-4)
    assert [each.dividend_yield for each in found] == pytest.approx([dividend_yield] * 3, abs=1e-3)
    for each in found:
        assert each.discount == pytest.approx(np.exp(-each.rate * each.years), rel=1e-12)


def test_the_rate_is_found_in_the_quotes_when_nobody_told_it():
    found = parity_forwards(chain_of(0.05, 0.01, told_rate=0.0, half_spread=0.005))
    assert [each.rate for each in found] == pytest.approx([0.05] * 3, abs=0.003)
    assert [each.forward for each in found] == pytest.approx(exact_forwards(0.05, 0.01), rel=2e-4)


def test_early_exercise_would_lean_the_forward_were_it_left_in():
    """The same American quotes read as European miss the forward by many ticks; read as American they do not."""
    chain = chain_of(0.06, 0.0)
    naive = parity_forwards(replace(chain, exercise=Exercise.EUROPEAN))[-1].forward
    found = parity_forwards(chain)[-1].forward
    exact = exact_forwards(0.06, 0.0)[-1]
    assert abs(found - exact) < 0.01
    assert abs(naive - exact) > 0.1


def test_a_fixed_rate_is_kept():
    found = parity_forwards(chain_of(0.05, 0.01, told_rate=0.03), rate_uncertainty=0.0)
    assert [each.rate for each in found] == [0.03] * 3


def test_a_wild_quote_counts_for_nothing():
    chain = chain_of(0.04, 0.01)
    wild = chain.bid.copy(), chain.ask.copy()
    hit = np.flatnonzero((chain.strike == 100.0) & chain.is_call)
    for column in wild:
        column[hit] += 4.0
    found = parity_forwards(replace(chain, bid=wild[0], ask=wild[1]))
    assert [each.forward for each in found] == pytest.approx(exact_forwards(0.04, 0.01), rel=2e-4)


def test_stale_crossed_and_bidless_quotes_do_not_inform():
    chain = chain_of(0.04, 0.01)
    near = chain.expiry == np.datetime64("2013-03-22")
    bid, ask = chain.bid.copy(), chain.ask.copy()
    later = chain.expiry == np.datetime64("2013-06-21")
    bid[later & chain.is_call] = 0.0
    found = parity_forwards(replace(chain, bid=bid, ask=ask), stale=near)
    assert [str(each.expiry) for each in found] == ["2014-03-21"]
    assert parity_forwards(replace(chain, bid=ask + 1.0)) == ()


def test_without_a_spot_or_a_quote_there_is_no_forward():
    chain = chain_of(0.04, 0.01)
    assert parity_forwards(replace(chain, spot=float("nan"))) == ()
    assert parity_forwards(chain.select(np.zeros(len(chain), dtype=bool))) == ()
    assert parity_forwards(replace(chain, bid=np.full(len(chain), np.nan))) == ()


def test_refuses_a_wrong_mask_and_a_negative_uncertainty():
    chain = chain_of(0.04, 0.01)
    with pytest.raises(InvalidInput, match=r"stale has shape \(2,\)"):
        parity_forwards(chain, stale=np.array([True, False]))
    with pytest.raises(InvalidInput, match=r"rate_uncertainty is -0\.1"):
        parity_forwards(chain, rate_uncertainty=-0.1)
