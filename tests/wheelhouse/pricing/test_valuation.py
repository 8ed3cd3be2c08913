from datetime import UTC, datetime

import numpy as np
import pytest

from wheelhouse.errors import InvalidInput
from wheelhouse.market.chain import ChainSnapshot
from wheelhouse.market.instruments import Evidence, Exercise
from wheelhouse.pricing import black_scholes
from wheelhouse.pricing.american import american_greeks, american_price
from wheelhouse.pricing.valuation import value_chain

NOW = datetime(2013, 3, 1, 20, 45, tzinfo=UTC)


def chain_of(bid, ask, strike, is_call, *, spot=100.0, exercise=Exercise.AMERICAN, standard=None):
    n = len(bid)

    def column(values):
        return np.broadcast_to(np.asarray(values, dtype=float), n).copy()

    return ChainSnapshot(
        underlying="XYZ",
        spot=spot,
        as_of=NOW,
        rate=0.03,
        dividend_yield=0.02,
        exercise=exercise,
        evidence=Evidence.SIMULATED,
        symbols=tuple(
            f"XYZ   130420{'C' if c else 'P'}{round(1000 * k):08d}" for k, c in zip(strike, is_call, strict=True)
        ),
        expiry=np.full(n, "2013-04-20", dtype="datetime64[D]"),
        last_trading_day=np.full(n, "2013-04-19", dtype="datetime64[D]"),
        years_to_expiry=column(0.134),
        strike=column(strike),
        is_call=np.asarray(is_call, dtype=bool),
        bid=column(bid),
        ask=column(ask),
        last=column(np.nan),
        volume=column(10),
        open_interest=column(100),
        quote_ts=np.full(n, "2013-03-01T20:44", dtype="datetime64[us]"),
        exercise_multiplier=np.full(n, 100),
        standard=np.ones(n, dtype=bool) if standard is None else np.asarray(standard),
    )


@pytest.mark.parametrize("exercise", list(Exercise))
def test_values_the_mid_with_the_style_of_the_chain(exercise):
    strike, is_call, volatility = np.array([90.0, 100.0, 110.0, 112.0]), [False, False, True, False], 0.3
    arguments = (100.0, strike, 0.134, volatility, 0.03, 0.02, is_call)
    american = exercise is Exercise.AMERICAN
    fair = (american_price if american else black_scholes.price)(*arguments)
    greeks = (american_greeks if american else black_scholes.greeks)(*arguments)
    valued = value_chain(chain_of(fair - 0.02, fair + 0.02, strike, is_call, exercise=exercise), priced_at=NOW)
    assert valued.implied_volatility == pytest.approx(volatility, abs=1e-6)
    assert valued.mark == pytest.approx(fair)
    for name in ("delta", "gamma", "theta_per_day", "vega_per_vol_point", "rho_per_rate_point"):
        assert getattr(valued, name) == pytest.approx(getattr(greeks, name), abs=1e-5)
    assert valued.probability_itm == pytest.approx(black_scholes.probability_itm(*arguments), abs=1e-5)
    assert valued.flags == ((),) * 4


CASES = {
    "no_bid": (0.0, 0.10, 0.05, ("no_bid",)),
    "unknown bid": (np.nan, 0.10, None, ("one_sided",)),
    "unknown ask": (0.10, np.nan, None, ("one_sided",)),
    "zero bid, unknown ask": (0.0, np.nan, None, ("no_bid", "one_sided")),
    "nothing known": (np.nan, np.nan, None, ("one_sided",)),
    "zero both": (0.0, 0.0, None, ("one_sided",)),
    "crossed": (2.0, 1.9, None, ("crossed",)),
    "below intrinsic": (9.0, 9.5, 9.25, ("below_intrinsic",)),
    "above maximum": (120.0, 130.0, 125.0, ("above_maximum",)),
}


@pytest.mark.parametrize("case", CASES)
def test_says_why_a_contract_has_no_volatility(case):
    bid, ask, mark, flags = CASES[case]
    # A put 10 in the money, and a neighbour that is fine.
    valued = value_chain(chain_of([bid, 2.0], [ask, 2.1], [110.0, 100.0], [False, False]), priced_at=NOW)
    assert valued.flags == (flags, ())
    assert valued.mark[0] == pytest.approx(np.nan if mark is None else mark, nan_ok=True)
    for name in ("implied_volatility", "delta", "gamma", "theta_per_day", "vega_per_vol_point", "rho_per_rate_point"):
        assert np.isnan(getattr(valued, name)[0])
        assert np.isfinite(getattr(valued, name)[1])


def test_a_stale_quote_keeps_its_mark_and_implies_nothing():
    valued = value_chain(
        chain_of([2.0, 2.0], [2.1, 2.1], [100.0, 101.0], [False, True]), priced_at=NOW, stale=np.array([True, False])
    )
    assert valued.flags == (("stale",), ())
    assert valued.mark[0] == 2.05
    assert np.isnan(valued.implied_volatility[0])


def test_a_locked_quote_is_flagged_and_valued():
    valued = value_chain(chain_of([2.0], [2.0], [100.0], [False]), priced_at=NOW)
    assert valued.flags == (("locked",),)
    assert np.isfinite(valued.implied_volatility[0])


def test_an_adjusted_contract_is_valued_by_its_deliverable_or_not_at_all():
    chain = chain_of([2.0, 2.0], [2.1, 2.1], [5.0, 5.0], [False, False], spot=50.0, standard=[False, False])
    assert value_chain(chain, priced_at=NOW).flags == (("adjusted",), ("adjusted",))
    # Ten shares at 50 for a hundred units of strike: an option on 5.
    valued = value_chain(chain, priced_at=NOW, deliverable_value=np.array([5.0, np.nan]))
    assert valued.flags == ((), ("adjusted",))
    assert valued.implied_volatility[0] > 1.0


def test_without_a_spot_nothing_is_implied():
    valued = value_chain(chain_of([2.0], [2.1], [100.0], [False], spot=np.nan), priced_at=NOW)
    assert valued.flags == (("no_spot",),)
    assert valued.mark[0] == 2.05


def test_an_empty_chain_and_a_wrong_mask():
    chain = chain_of([2.0], [2.1], [100.0], [False])
    empty = chain.select(np.array([False]))
    assert len(value_chain(empty, priced_at=NOW)) == 0
    with pytest.raises(InvalidInput, match=r"stale has shape \(2,\), expected \(1,\)"):
        value_chain(chain, priced_at=NOW, stale=np.array([True, False]))
