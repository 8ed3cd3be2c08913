from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.pricing.american import american_price
from wheelhouse.pricing.black_scholes import price
from wheelhouse.risk.book import Book, Line

PUT = Line(
    underlying="XYZ",
    quantity=-2,
    spot=100.0,
    multiplier=100,
    is_option=True,
    strike=95.0,
    years=0.25,
    volatility=0.3,
    rate=0.03,
    dividend_yield=0.01,
)
INDEX_CALL = Line(
    underlying="SPX",
    quantity=1,
    spot=1500.0,
    multiplier=100,
    is_option=True,
    strike=1550.0,
    years=0.5,
    volatility=0.2,
    rate=0.03,
    dividend_yield=0.02,
    is_call=True,
    american=False,
)
SHARES = Line(underlying="XYZ", quantity=300, spot=100.0)


def test_values_each_position_by_its_own_kernel():
    book = Book.of([PUT, INDEX_CALL, SHARES])
    assert book.underlyings == ("SPX", "XYZ")
    put = american_price(100.0, 95.0, 0.25, 0.3, 0.03, 0.01, False)
    call = price(1500.0, 1550.0, 0.5, 0.2, 0.03, 0.02, True)
    assert book.values().tolist() == [[-200 * put, 100 * call, 30_000.0]]


def test_revalues_in_full_under_joint_moves():
    book = Book.of([PUT, INDEX_CALL, SHARES])
    factors = np.array([[1.02, 0.9], [1.0, 1.0]])
    shifts = np.array([[0.01, 0.05], [0.0, 0.0]])
    profit = book.revalue(factors, shifts, days=7)
    put = american_price(90.0, 95.0, 0.25 - 7 / 365, 0.35, 0.03, 0.01, False)
    call = price(1530.0, 1550.0, 0.5 - 7 / 365, 0.21, 0.03, 0.02, True)
    expected = -200 * put + 100 * call + 27_000 - book.values().sum()
    assert profit[0] == pytest.approx(expected, rel=1e-12)
    assert book.revalue(1.0).tolist() == [0.0]


@settings(max_examples=30, deadline=None)
@given(factor=st.floats(0.5, 1.5), shift=st.floats(-0.1, 0.3), days=st.floats(0, 60))
def test_long_and_short_of_the_same_is_nothing(factor, shift, days):
    book = Book.of([PUT, replace(PUT, quantity=2)])
    assert book.revalue([[factor]], shift, days).tolist() == [0.0]


def test_an_option_whose_time_runs_out_is_worth_what_exercise_gives():
    profit = Book.of([PUT]).revalue([[0.9]], 0.0, 365.0)
    assert profit[0] == pytest.approx(-200 * 5.0 - Book.of([PUT]).values().sum())


def test_nothing_is_worth_nothing():
    empty = Book.of([])
    assert empty.revalue(np.empty((3, 0))).tolist() == [0.0, 0.0, 0.0]


def test_what_is_not_known_is_not_hidden():
    book = Book.of([replace(PUT, volatility=float("nan")), SHARES])
    assert book.is_known.tolist() == [False, True]
    assert np.isnan(book.revalue([[0.9]])[0])
    assert book.select(book.is_known).revalue([[0.9]])[0] == pytest.approx(-3000.0)


def test_refuses_shocks_of_another_shape():
    with pytest.raises(InvalidInput, match=r"spot_factors has shape \(2,\)"):
        Book.of([PUT]).revalue([1.0, 0.9])
