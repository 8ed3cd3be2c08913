from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.market.events import (
    Dividend,
    Split,
    Terms,
    dividends_from_adjusted,
    separate_specials,
    splits_from_adjusted,
)
from wheelhouse.market.instruments import Exercise, Settlement, SettlementTime

FIRST = datetime(2010, 1, 4, tzinfo=UTC)


def bars_of(close: np.ndarray, dividends: dict[int, float], splits: dict[int, float], digits: int = 8) -> pl.DataFrame:
    """Adjust closes backwards as data vendors do: the factor steps by D on the ex-day and by n on a split."""
    factor = np.ones(len(close))
    for i in range(len(close) - 2, -1, -1):
        step = (1 + dividends.get(i + 1, 0.0) / close[i + 1]) * splits.get(i + 1, 1.0)
        factor[i] = factor[i + 1] / step
    stamps = [FIRST + timedelta(days=i) for i in range(len(close))]
    return pl.DataFrame({"ts": stamps, "close": close, "adjusted_close": (close * factor).round(digits)})


def day(index: int) -> date:
    return (FIRST + timedelta(days=index)).date()


@given(
    st.lists(st.floats(-0.1, 0.1), min_size=20, max_size=60),
    st.dictionaries(st.integers(1, 19), st.integers(5, 300), max_size=5),
    st.sampled_from([Fraction(2), Fraction(3), Fraction(7), Fraction(3, 2), Fraction(1, 10)]),
)
@settings(max_examples=60)
def test_events_that_adjusted_a_price_are_recovered(returns: list[float], cents: dict[int, int], ratio: Fraction):
    cents.pop(10, None)
    close = 100 * np.exp(np.cumsum(returns))
    close[10:] /= float(ratio)
    dividends = {i: c / 100 * min(1.0, float(close[i]) / 100) for i, c in cents.items()}
    dividends = {i: max(0.01, round(d, 2)) for i, d in dividends.items()}
    bars = bars_of(close, dividends, {10: float(ratio)})
    splits = splits_from_adjusted(bars)
    assert splits == [Split(ex_date=day(10), ratio=ratio)]
    found = dividends_from_adjusted(bars, splits)
    assert {d.ex_date: float(d.amount) for d in found} == pytest.approx(
        {day(i): d for i, d in sorted(dividends.items())}
    )


def test_rounded_adjusted_closes_feign_no_dividend():
    close = np.array([100.0, 101.37, 99.21, 100.44, 102.9])
    bars = bars_of(close, {4: 45.0}, {}, digits=2)
    assert [d.ex_date for d in dividends_from_adjusted(bars, [])] == [day(4)]


def test_a_crash_is_no_split():
    bars = bars_of(np.array([100.0, 101.0, 50.5, 49.0]), {}, {})
    assert splits_from_adjusted(bars) == []


def test_a_large_amount_is_an_ordinary_and_a_special_dividend():
    amounts = [Dividend(ex_date=day(0), amount=Decimal("0.08")), Dividend(ex_date=day(9), amount=Decimal("3.08"))]
    first, special, ordinary = separate_specials(amounts)
    assert first == amounts[0]
    assert (special.kind, special.amount) == ("special", Decimal("3.00"))
    assert (ordinary.kind, ordinary.amount) == ("ordinary", Decimal("0.08"))
    assert special.ex_date == ordinary.ex_date == day(9)


def test_terms_that_are_not_given():
    terms = Terms()
    assert (terms.exercise, terms.settlement, terms.settlement_time) == (
        Exercise.AMERICAN,
        Settlement.PHYSICAL,
        SettlementTime.PM,
    )
    assert terms.dividends == terms.splits == terms.earnings == ()


@pytest.mark.parametrize("rate", [float("nan"), 5.0, float("-inf")])
def test_impossible_rates_are_refused(rate: float):
    with pytest.raises(InvalidInput, match="rate"):
        Terms(rate=rate)


def test_impossible_events_are_refused():
    with pytest.raises(InvalidInput, match="amount"):
        Dividend(ex_date=day(0), amount=Decimal(0))
    with pytest.raises(InvalidInput, match="ratio"):
        Split(ex_date=day(0), ratio=Fraction(0))
    assert Split(ex_date=day(0), ratio=Fraction(2)).is_whole
    assert not Split(ex_date=day(0), ratio=Fraction(3, 2)).is_whole
    assert not Split(ex_date=day(0), ratio=Fraction(1, 10)).is_whole
