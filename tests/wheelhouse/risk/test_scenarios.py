from dataclasses import replace
from decimal import Decimal

import pytest

from wheelhouse.market.instruments import Deliverable, contract_from_osi
from wheelhouse.pricing.american import american_price
from wheelhouse.risk.book import Book, Line
from wheelhouse.risk.scenarios import all_short_puts_assigned, correlated_gap, scenario_grid

PUT = Line(
    underlying="XYZ",
    quantity=-1,
    spot=100.0,
    multiplier=100,
    is_option=True,
    strike=95.0,
    years=0.25,
    volatility=0.3,
    rate=0.03,
    dividend_yield=0.0,
)


def test_a_grid_has_every_combination_and_reprices_in_full():
    cells = scenario_grid(Book.of([PUT]), spot_shifts=(-0.1, 0.0), volatility_shifts=(0.0, 0.05), days=(0, 10))
    assert [(c.days, c.volatility, c.spot) for c in cells[:3]] == [(0, 0.0, -0.1), (0, 0.0, 0.0), (0, 0.05, -0.1)]
    assert len(cells) == 8
    now = american_price(100.0, 95.0, 0.25, 0.3, 0.03, 0.0, False)
    then = american_price(90.0, 95.0, 0.25 - 10 / 365, 0.35, 0.03, 0.0, False)
    worst = next(c for c in cells if (c.spot, c.volatility, c.days) == (-0.1, 0.05, 10))
    assert worst.pnl == pytest.approx(-100 * (then - now))
    assert next(c for c in cells if (c.spot, c.volatility, c.days) == (0.0, 0.0, 0)).pnl == 0.0


def test_a_correlated_gap_takes_all_names_down():
    book = Book.of([Line(underlying=name, quantity=100, spot=50.0) for name in "AB"])
    assert correlated_gap(book).pnl == pytest.approx(-2000.0)
    assert correlated_gap(Book.of([])).pnl == 0.0


def test_all_short_puts_assigned_at_once():
    put = contract_from_osi("XYZ   130420P00095000")
    adjusted = replace(
        contract_from_osi("XYZ1  130420P00005000"),
        deliverable=Deliverable(shares=(("XYZ", 10),), cash=Decimal(12)),
    )
    call = contract_from_osi("XYZ   130420C00105000")
    found = all_short_puts_assigned([(put, -2), (adjusted, -1), (put, 5), (call, -3)])
    assert found.cash_needed == 19_000 + 500 - 12
    assert found.shares == {"XYZ": 210}


def test_an_empty_book_has_a_grid_of_zeros():
    assert {c.pnl for c in scenario_grid(Book.of([]))} == {0.0}
