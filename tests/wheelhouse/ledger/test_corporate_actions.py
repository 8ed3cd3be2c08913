"""Splits, adjusted series and special dividends."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.booking import book_assignment, book_dividend
from wheelhouse.ledger.corporate_actions import book_special_dividend, book_split, split_contract
from wheelhouse.market.events import Dividend, Split
from wheelhouse.market.instruments import Deliverable, OptionContract, contract_from_osi


def act(book, action):
    book.contracts.update(action.contracts)
    return book.append(action.events)


def split(book, underlying, ratio, day=date(2005, 2, 28), price=None):
    return act(
        book,
        book_split(
            book.state,
            underlying,
            Split(ex_date=day, ratio=Fraction(ratio)),
            ts=book.now,
            contracts=book.contracts,
            share_price=price,
        ),
    )


def test_two_for_one_makes_one_short_put_at_90_two_at_45(book):
    book.open().fill("AAPL  050319P00090000", -1, "3.00", fee="0.65")
    split(book, "AAPL", 2)
    (position,) = book.state.positions.values()
    assert (position.symbol, position.quantity) == ("AAPL  050319P00045000", -2)
    assert position.tax_basis == Decimal("299.35") / 200
    assert book.contracts[position.symbol].is_standard
    assert book.state.closed_campaigns == ()


def test_assignment_after_a_one_for_ten_reverse_split(book):
    book.open().fill("XYZ   130316P00005000", -1, "0.40")
    split(book, "XYZ", Fraction(1, 10))
    (symbol,) = book.state.positions
    assert symbol == "XYZ1  130316P00005000"
    assert book.contracts[symbol].deliverable == Deliverable(shares=(("XYZ", 10),))
    cash = book.state.cash
    book.append(book_assignment(book.state, symbol, ts=book.now, external_id="as1", contracts=book.contracts))
    assert book.state.cash == cash - Decimal("500.00")
    assert book.state.quantity("XYZ") == 10
    assert book.state.positions["XYZ"].tax_basis == Decimal("50.00") - Decimal("40.00") / 10


def test_instrument_that_was_put_delivers_what_it_says(book):
    """Cash beside the shares lowers what the shares cost; the strike divides by value where several symbols arrive."""
    symbol = "XYZ1  130316P00005000"
    plain = contract_from_osi(symbol)
    book.contracts[symbol] = OptionContract(
        symbol=symbol,
        underlying="XYZ",
        expiry=plain.expiry,
        last_trading_day=plain.last_trading_day,
        strike=plain.strike,
        right=plain.right,
        deliverable=Deliverable(shares=(("XYZ", 10), ("NEW", 5)), cash=Decimal(20)),
    )
    book.open().fill(symbol, -1, "0.41")
    book.append(
        book_assignment(
            book.state,
            symbol,
            ts=book.now,
            external_id="as1",
            contracts=book.contracts,
            share_prices={"XYZ": Decimal(30), "NEW": Decimal(20)},
        )
    )
    assert book.state.cash == Decimal("100041.00") - 500 + 20
    assert book.state.positions["XYZ"].cost == Decimal("360.00") - Decimal("30.75")
    assert book.state.positions["NEW"].cost == Decimal("120.00") - Decimal("10.25")
    assert book.state.in_transit == {}
    assert book.state.imbalance == 0


def test_special_dividend_cuts_the_strike_and_leaves_a_short_put_its_profit(book):
    """Microsoft, 2004-11-15: 3.00 special and 0.08 ordinary."""
    put = "MSFT  050122P00027000"
    lower = "MSFT  050122P00024000"
    book.open().fill(put, -1, "1.00").fill(lower, -2, "0.30").fill("MSFT", 100, "29.97")
    day = date(2004, 11, 15)
    special = Dividend(ex_date=day, amount=Decimal("3.00"), kind="special")
    cash = book.state.cash
    act(book, book_special_dividend(book.state, "MSFT", special, ts=book.now, contracts=book.contracts))
    assert book.state.quantity(lower) == -1
    assert book.state.quantity("MSFT  050122P00021000") == -2
    assert book.state.positions[lower].tax_basis == 1
    assert book.state.cash == cash
    for name, amount in (("special-cash", "3.00"), ("ordinary", "0.08")):
        book.append(book_dividend(book.state, "MSFT", per_share=Decimal(amount), ts=book.now, external_id=name))
    assert book.state.dividends == 308
    again = book_special_dividend(book.state, "MSFT", special, ts=book.now, contracts=book.contracts)
    assert again.events == ()


def test_ordinary_dividends_never_adjust(book):
    with pytest.raises(InvalidInput, match="only special ones"):
        book_special_dividend(
            book.open().state,
            "MSFT",
            Dividend(ex_date=date(2004, 11, 15), amount=Decimal("0.08")),
            ts=book.now,
            contracts={},
        )


def test_a_fraction_of_a_share_is_paid_out_and_realised(book):
    book.open().fill("XYZ", 105, "1.00")
    split(book, "XYZ", Fraction(1, 10), price=Decimal("12.00"))
    assert book.state.quantity("XYZ") == 10
    assert book.state.cash == Decimal(100000) - 105 + 6
    assert book.state.realized == Decimal("6.00") - Decimal("5.00")
    assert book.state.positions["XYZ"].tax_basis == 10


def test_splitting_a_single_share_by_three_for_two_keeps_it_and_pays_half(book):
    book.open().fill("XYZ", 1, "30.00")
    split(book, "XYZ", Fraction(3, 2), price=Decimal("20.00"))
    assert book.state.quantity("XYZ") == 1
    assert book.state.cash == 100_000 - 30 + 10
    assert book.state.imbalance == 0


def test_a_split_is_booked_once(book):
    book.open().fill("XYZ", 100, "30.00")
    split(book, "XYZ", 2)
    split(book, "XYZ", 2)
    assert book.state.quantity("XYZ") == 200


def test_strikes_of_a_seven_for_one_are_rounded_to_the_cent():
    old = contract_from_osi("AAPL  140719C00550000")
    assert split_contract(old, Split(ex_date=date(2014, 6, 9), ratio=Fraction(7))).strike == Decimal("78.57")


def test_three_for_two_changes_the_deliverable_and_the_root():
    old = contract_from_osi("XYZ   140719C00050000")
    new = split_contract(old, Split(ex_date=date(2014, 6, 9), ratio=Fraction(3, 2)))
    assert (new.symbol, new.deliverable) == ("XYZ1  140719C00050000", Deliverable(shares=(("XYZ", 150),)))
    third = split_contract(new, Split(ex_date=date(2014, 6, 19), ratio=Fraction(1, 100)), share_price=Decimal(80))
    assert third.symbol == "XYZ2  140719C00050000"
    assert third.deliverable == Deliverable(shares=(("XYZ", 1),), cash=Decimal("40.00"))
