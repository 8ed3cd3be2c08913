"""Performance against an oracle written from the definitions, in plain Python and high precision."""

import math
from datetime import date, timedelta

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.reports.performance import accrued, buy_and_hold, max_drawdown, performance

FIRST = date(2012, 3, 1)


def days(n: int, step: int = 1) -> list[date]:
    return [FIRST + timedelta(days=step * i) for i in range(n)]


def oracle(dates, equity, flows, free, minimum):
    """Every statistic by loops over mpmath numbers; shares no line with the code under test."""
    mp = mpmath.mpf
    r = [mp(equity[t]) / (mp(equity[t - 1]) + mp(flows[t])) - 1 for t in range(1, len(equity))]
    n = len(r)

    def deviation(xs):
        middle = mpmath.fsum(xs) / n
        return mpmath.sqrt(mpmath.fsum((x - middle) ** 2 for x in xs) / (n - 1))

    wealth, peak, deepest = mp(1), mp(1), mp(0)
    for x in r:
        wealth *= 1 + x
        peak = max(peak, wealth)
        deepest = min(deepest, wealth / peak - 1)
    years = mp((dates[-1] - dates[0]).days) / mp("365.25")
    cagr = wealth ** (1 / years) - 1
    excess = [x - mp(f) for x, f in zip(r, free[1:], strict=True)]
    over = [x - mp(minimum) for x in r]
    short = mpmath.sqrt(mpmath.fsum(min(x, 0) ** 2 for x in over) / n)
    root = mpmath.sqrt(252)
    return {
        "total_return": wealth - 1,
        "cagr": cagr,
        "volatility": deviation(r) * root,
        "sharpe": mpmath.fsum(excess) / n / deviation(excess) * root,
        "sortino": mpmath.fsum(over) / n / short * root if short > 1e-12 else None,
        "max_drawdown": deepest,
        "calmar": cagr / abs(deepest) if deepest else None,
    }


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.integers(-2000, 2000), min_size=3, max_size=30),
    moved=st.lists(st.integers(-200, 500), min_size=30, max_size=30),
    gaps=st.lists(st.integers(1, 5), min_size=30, max_size=30),
    rate=st.floats(0, 0.1),
    minimum=st.sampled_from([0.0, 0.0002]),
)
def test_statistics_are_what_their_definitions_say(steps, moved, gaps, rate, minimum):
    dates, equity, flows = [FIRST], [10_000.0], [0.0]
    for i, step in enumerate(steps):
        dates.append(dates[-1] + timedelta(days=gaps[i]))
        flows.append(float(moved[i]))
        equity.append((equity[-1] + flows[-1]) * (1 + step / 10_000))
    assume(len(set(steps)) > 1)
    free = accrued(rate, dates)
    seen = performance(dates, equity, flows=flows, risk_free=free, minimum_acceptable=minimum)
    for name, expected in oracle(dates, equity, flows, free.tolist(), minimum).items():
        got = getattr(seen, name)
        if expected is None:
            assert got is None, name
        else:
            assert got == pytest.approx(float(expected), rel=1e-7, abs=1e-9), name


def test_deposits_are_not_profit():
    """100 earns 10 %, 110 more arrive, 220 earn 10 %: 21 %, whatever the deposit."""
    seen = performance(days(3), [100, 110, 242], flows=[0, 0, 110])
    assert seen.total_return == pytest.approx(0.21)


def test_the_first_peak_is_the_initial_equity():
    assert performance(days(3), [100, 80, 90]).max_drawdown == pytest.approx(-0.2)
    assert max_drawdown(np.array([1.0, 1.1, 1.2])) == 0


def test_idle_days_stay_in():
    busy = performance(days(3), [100, 101, 103])
    idle = performance(days(5), [100, 100, 101, 101, 103])
    assert idle.volatility is not None
    assert busy.sharpe is not None
    assert idle.sharpe is not None
    assert idle.sharpe < busy.sharpe


def test_a_year_is_365_and_a_quarter_days():
    seen = performance([date(2012, 1, 1), date(2016, 1, 1)], [100, 200])
    assert seen.cagr == pytest.approx(2 ** (1 / 4) - 1)


@pytest.mark.parametrize("equity", [[], [100]])
def test_too_short_a_series_is_undefined(equity):
    seen = performance(days(len(equity)), equity)
    for name in ("total_return", "cagr", "volatility", "sharpe", "sortino", "max_drawdown", "calmar"):
        assert getattr(seen, name) is None


def test_one_return_has_a_cagr_but_no_deviation():
    seen = performance(days(2), [100, 101])
    assert seen.cagr is not None
    assert (seen.volatility, seen.sharpe) == (None, None)


def test_a_flat_series_has_no_ratios():
    seen = performance(days(4), [100] * 4)
    assert (seen.cagr, seen.volatility, seen.max_drawdown) == (0, 0, 0)
    assert (seen.sharpe, seen.sortino, seen.calmar) == (None, None, None)


def test_an_account_that_began_a_day_with_nothing_is_undefined_from_there():
    seen = performance(days(4), [100, 0, 0, 50])
    assert (seen.cagr, seen.max_drawdown, seen.sharpe) == (None, None, None)
    lost = performance([date(2012, 1, 1), date(2013, 1, 1)], [100, 0])
    assert (lost.cagr, lost.max_drawdown) == (-1, -1)


def test_below_nothing_there_is_no_growth_rate():
    assert performance(days(2), [100, -50]).cagr is None


def test_growth_beyond_floats_is_undefined():
    assert performance(days(2), [1, 1e9]).cagr is None


def test_win_rate_and_profit_factor_of_closed_units():
    seen = performance(days(2), [1, 1], closed_profits=[30.0, -10.0, 0.0, 10.0])
    assert (seen.win_rate, seen.profit_factor, seen.closed_unit) == (0.5, 4.0, "campaign")
    assert performance(days(2), [1, 1], closed_profits=[5.0]).profit_factor is None
    assert performance(days(2), [1, 1]).win_rate is None


def test_holding_one_underlying_is_its_own_return():
    closes = [50.0, 55.0, 44.0]
    held, own = buy_and_hold(days(3), closes), performance(days(3), closes)
    assert (held.total_return, held.max_drawdown) == pytest.approx((own.total_return, own.max_drawdown))


def test_holding_two_starts_with_equal_amounts():
    seen = buy_and_hold(days(2), [[10.0, 100.0], [20.0, 100.0]])
    assert seen.total_return == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("dates", "equity", "flows", "says"),
    [
        (days(2), [1, 2, 3], None, "one of each a date"),
        (days(2), [1, 2], [0], "one of each a date"),
        ([FIRST, FIRST], [1, 2], None, "must ascend"),
        (days(2), [1, math.nan], None, "equity at 2012-03-02 is not finite"),
        (days(2), [1, 2], [0, math.inf], "flow at 2012-03-02 is not finite"),
    ],
)
def test_broken_series_are_refused(dates, equity, flows, says):
    with pytest.raises(InvalidInput, match=says):
        performance(dates, equity, flows=flows)


def test_a_missing_close_is_refused():
    with pytest.raises(InvalidInput, match="2012-03-02"):
        buy_and_hold(days(2), [1.0, math.nan])


def test_cash_accrues_over_weekends():
    assert accrued(0.0365, [date(2013, 3, 1), date(2013, 3, 4)]).tolist() == pytest.approx([0, 0.0003])
    assert accrued(0.01, []).tolist() == []
