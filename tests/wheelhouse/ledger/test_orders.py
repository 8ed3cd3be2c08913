"""The unit of a combo, what a limit means, and the life of an order."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.orders import (
    Effect,
    Fill,
    Leg,
    Order,
    OrderStatus,
    OrderType,
    Reason,
    combo_ratios,
    combo_units,
    crosses_zero,
    net_per_unit,
)

NOW = datetime(2013, 3, 1, 20, 45, tzinfo=UTC)
PUT_50 = "XYZ   130316P00050000"
PUT_45 = "XYZ   130316P00045000"
CALL_55 = "XYZ   130316C00055000"


def order(*legs: tuple[str, int], **changes) -> Order:
    given_ = {"limit_price": Decimal("1.00"), "effect": Effect.CREDIT} | changes
    return Order(
        id="o1", account_id="a1", created_at=NOW, legs=tuple(Leg(symbol=s, quantity=q) for s, q in legs), **given_
    )


def fill(symbol: str, quantity: int, place: int = 0) -> Fill:
    return Fill(id=f"f{place}{symbol}{quantity}", ts=NOW, symbol=symbol, quantity=quantity, price=Decimal("1.00"))


@pytest.mark.parametrize(
    ("legs", "units", "ratios"),
    [
        ([(PUT_50, -1)], 1, (-1,)),
        ([(PUT_50, -5)], 5, (-1,)),
        ([(PUT_50, -2), (PUT_45, 2)], 2, (-1, 1)),
        ([(PUT_50, -2), (PUT_45, 4)], 2, (-1, 2)),
        ([("XYZ", 300), (CALL_55, -3)], 3, (1, -1)),
        ([("XYZ", 100), (CALL_55, -2)], 1, (1, -2)),
        ([("XYZ", 70)], 70, (1,)),
        ([("XYZ", -100), ("ABC", 50)], 50, (-2, 1)),
    ],
)
def test_unit_is_the_greatest_common_divisor_with_stock_in_hundreds(legs, units, ratios):
    made = [Leg(symbol=s, quantity=q) for s, q in legs]
    assert combo_units(made) == units
    assert combo_ratios(made) == ratios


@settings(max_examples=60)
@given(
    puts=st.integers(-40, 40).filter(bool),
    calls=st.integers(-40, 40).filter(bool),
    hundreds=st.integers(-40, 40).filter(bool),
    cents_=st.tuples(*[st.integers(1, 20_000)] * 3),
)
def test_net_of_all_units_is_the_cash_of_all_legs(puts, calls, hundreds, cents_):
    legs = [
        Leg(symbol=PUT_50, quantity=puts),
        Leg(symbol=CALL_55, quantity=calls),
        Leg(symbol="XYZ", quantity=hundreds * 100),
    ]
    prices = {leg.symbol: Decimal(c) / 100 for leg, c in zip(legs, cents_, strict=True)}
    cash = -sum(Fraction(prices[leg.symbol]) * leg.quantity * (1 if leg.symbol == "XYZ" else 100) for leg in legs)
    assert Fraction(net_per_unit(legs, prices)) * combo_units(legs) * 100 == cash


def test_one_leg_needs_no_effect():
    assert order((PUT_50, -1), effect=None).effect is Effect.CREDIT
    assert order((PUT_50, 1), effect=None).effect is Effect.DEBIT


@pytest.mark.parametrize(
    ("legs", "changes", "says"),
    [
        ([], {}, "at least one leg"),
        ([(PUT_50, -1), (PUT_50, 1)], {}, "repeat a symbol"),
        ([(PUT_50, -1), (PUT_45, 1)], {"effect": None}, "need an effect"),
        ([(PUT_50, -1)], {"limit_price": None}, "needs limit_price"),
        ([(PUT_50, -1)], {"limit_price": Decimal(-1)}, "at least 0"),
        ([(PUT_50, -1)], {"limit_price": Decimal("NaN")}, "at least 0"),
        ([(PUT_50, -1)], {"effect": Effect.DEBIT}, "contradicts"),
        ([("XYZ", 150), (CALL_55, -1)], {}, "stock in hundreds"),
        ([(PUT_50, -1)], {"type": OrderType.MARKET}, "takes no limit_price"),
    ],
)
def test_malformed_orders_say_what_is_wrong(legs, changes, says):
    with pytest.raises(InvalidInput, match=says):
        order(*legs, **changes)


@pytest.mark.parametrize("symbol", ["XYZ130316P00050000", "xyz"])
def test_legs_carry_normal_symbols(symbol):
    with pytest.raises(InvalidInput, match="write the symbol as"):
        Leg(symbol=symbol, quantity=1)


def test_zero_legs_are_refused():
    with pytest.raises(InvalidInput, match="quantity is 0"):
        Leg(symbol="XYZ", quantity=0)


@pytest.mark.parametrize(
    ("held", "quantity", "crosses"),
    [(0, -5, False), (2, -2, False), (2, -3, True), (-2, 3, True), (-2, 2, False), (-2, -1, False), (100, 100, False)],
)
def test_crossing_zero(held, quantity, crosses):
    assert crosses_zero(held, quantity) is crosses


def test_fills_in_ratio_lead_from_working_to_filled():
    working = order((PUT_50, -2), (PUT_45, 4))
    part = working.filled([fill(PUT_50, -1), fill(PUT_45, 2)])
    assert part.status is OrderStatus.PARTIALLY_FILLED
    assert [(leg.symbol, leg.quantity) for leg in part.remaining_legs] == [(PUT_50, -1), (PUT_45, 2)]
    full = part.filled([fill(PUT_50, -1, 1), fill(PUT_45, 2, 1)])
    assert full.status is OrderStatus.FILLED
    assert full.remaining_legs == ()


@pytest.mark.parametrize(
    "fills", [[(PUT_50, -1)], [(PUT_50, -3), (PUT_45, 6)], [(PUT_50, 1), (PUT_45, -2)], [("ABC", 1)]]
)
def test_fills_out_of_ratio_or_beyond_the_order_are_refused(fills):
    with pytest.raises(InvalidInput):
        order((PUT_50, -2), (PUT_45, 4)).filled([fill(s, q) for s, q in fills])


def test_a_cancelled_order_keeps_what_filled_and_takes_no_more():
    part = order((PUT_50, -2)).filled([fill(PUT_50, -1)]).cancelled()
    assert part.status is OrderStatus.CANCELLED
    assert part.filled_units == 1
    with pytest.raises(InvalidInput, match="cancelled"):
        part.filled([fill(PUT_50, -1, 1)])


def test_a_rejection_needs_a_reason():
    with pytest.raises(InvalidInput):
        order((PUT_50, -1)).rejected([])
    refused = order((PUT_50, -1)).rejected([Reason(code="no_quote", detail="none")])
    assert not refused.status.is_open
