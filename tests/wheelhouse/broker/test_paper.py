"""Orders against quotes: who may fill, at what price, and who is refused."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wheelhouse.broker.fills import MidpointFill, NaturalFill, QuoteView, SizedNaturalFill
from wheelhouse.broker.paper import Fees, PaperBroker, expire_order
from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.booking import book_fills
from wheelhouse.ledger.orders import Effect, Leg, Order, OrderStatus, OrderType, TimeInForce

NOW = datetime(2013, 3, 1, 20, 45, tzinfo=UTC)
CLOSE = datetime(2013, 3, 1, 21, 0, tzinfo=UTC)
SESSION = date(2013, 3, 1)
PUT_50 = "XYZ   130316P00050000"
PUT_45 = "XYZ   130420P00045000"
CALL_55 = "XYZ   130316C00055000"


def quote(symbol, bid, ask, *, age=0, sizes=(None, None)) -> QuoteView:
    return QuoteView.of(symbol, bid, ask, NOW - timedelta(seconds=age), *sizes)


def quotes(*given_):
    return {q.symbol: q for q in given_}


def broker(**changes) -> PaperBroker:
    return PaperBroker(**({"is_fresh": lambda ts, now: now - ts <= timedelta(seconds=300)} | changes))


def order(*legs, **changes) -> Order:
    defaults = {
        "id": "o1",
        "account_id": "a1",
        "created_at": NOW,
        "legs": tuple(Leg(symbol=s, quantity=q) for s, q in legs),
        "limit_price": Decimal("1.00"),
    }
    return Order(**(defaults | changes))


def market(*legs) -> Order:
    return order(*legs, type=OrderType.MARKET, limit_price=None)


MARKET = quotes(
    quote(PUT_50, 1.10, 1.20), quote(PUT_45, 1.40, 1.55), quote(CALL_55, 0.50, 0.60), quote("XYZ", 50.00, 50.02)
)


def test_a_sale_fills_at_the_bid_even_if_the_limit_asks_for_less():
    done = broker().submit(order((PUT_50, -2)), MARKET, NOW)
    assert done.order.status is OrderStatus.FILLED
    assert [(f.price, f.quantity, f.fee) for f in done.fills] == [(Decimal("1.1"), -2, Decimal("1.30"))]


def test_a_purchase_fills_at_the_ask_or_waits():
    waiting = broker().submit(order((PUT_50, 1), limit_price=Decimal("1.19")), MARKET, NOW)
    assert (waiting.order.status, waiting.fills) == (OrderStatus.WORKING, ())
    better = MARKET | quotes(quote(PUT_50, 1.05, 1.15))
    done = broker().match(waiting.order, better, NOW)
    assert done.fills[0].price == Decimal("1.15")


def test_a_roll_fills_on_its_net():
    """Buy the short put back at 1.20, sell the next at 1.40: a credit of 0.20 per share of each of 3 units."""
    legs = ((PUT_50, 3), (PUT_45, -3))
    roll = order(*legs, limit_price=Decimal("0.20"), effect=Effect.CREDIT)
    assert broker().submit(roll, MARKET, NOW).order.status is OrderStatus.FILLED
    dearer = replace(roll, limit_price=Decimal("0.21"))
    assert broker().submit(dearer, MARKET, NOW).order.status is OrderStatus.WORKING
    paid = order(*legs, limit_price=Decimal("0.00"), effect=Effect.DEBIT)
    assert broker().submit(paid, MARKET, NOW).order.status is OrderStatus.FILLED


def test_a_buy_write_nets_stock_and_call_per_share():
    legs = (("XYZ", 200), (CALL_55, -2))
    at = order(*legs, limit_price=Decimal("49.52"), effect=Effect.DEBIT)
    done = broker().submit(at, MARKET, NOW)
    assert [(f.symbol, f.quantity, f.price) for f in done.fills] == [
        ("XYZ", 200, Decimal("50.02")),
        (CALL_55, -2, Decimal("0.5")),
    ]
    below = replace(at, limit_price=Decimal("49.51"))
    assert broker().submit(below, MARKET, NOW).order.status is OrderStatus.WORKING


def test_debit_limits_bound_what_is_paid_and_credit_limits_what_is_received():
    credit = order((PUT_50, -1), (PUT_45, 1), limit_price=Decimal("0.10"), effect=Effect.CREDIT)
    assert broker().submit(credit, MARKET, NOW).order.status is OrderStatus.WORKING
    debit = replace(credit, effect=Effect.DEBIT, limit_price=Decimal("0.45"))
    assert broker().submit(debit, MARKET, NOW).order.status is OrderStatus.FILLED


@pytest.mark.parametrize(
    ("made", "seen", "code"),
    [
        (order((PUT_50, -1)), {}, "no_quote"),
        (order((PUT_50, -1)), quotes(quote(PUT_50, None, None)), "no_quote"),
        (order((PUT_50, -1)), quotes(quote(PUT_50, float("nan"), None)), "no_quote"),
        (order((PUT_50, -1)), quotes(quote(PUT_50, 1.1, 1.2, age=301)), "stale_quote"),
        (order((PUT_50, -1)), quotes(quote(PUT_50, 1.3, 1.2)), "crossed_quote"),
        (market((PUT_50, -1)), quotes(quote(PUT_50, 0.0, 1.2)), "no_bid"),
        (market((PUT_50, 1)), quotes(quote(PUT_50, 1.0, None)), "no_ask"),
    ],
)
def test_no_market_no_order(made, seen, code):
    refused = broker().submit(made, seen, NOW)
    assert refused.order.status is OrderStatus.REJECTED
    assert [reason.code for reason in refused.order.reasons] == [code]
    assert refused.fills == ()


def test_a_working_order_survives_a_market_that_goes_away():
    working = order((PUT_50, -1), limit_price=Decimal("2.00"))
    for seen in ({}, quotes(quote(PUT_50, 2.5, 2.6, age=301)), quotes(quote(PUT_50, 2.5, 2.4))):
        assert broker().match(working, seen, NOW).order is working
    assert broker().match(working, quotes(quote(PUT_50, 2.5, 2.6)), NOW).fills[0].price == Decimal("2.5")


def test_a_zero_bid_does_not_fill_a_limit_of_nothing():
    free = order((PUT_50, -1), limit_price=Decimal(0))
    assert broker().submit(free, quotes(quote(PUT_50, 0.0, 0.05)), NOW).order.status is OrderStatus.WORKING


def test_a_locked_market_trades():
    done = broker().submit(order((PUT_50, -1)), quotes(quote(PUT_50, 1.1, 1.1)), NOW)
    assert done.order.status is OrderStatus.FILLED


def test_market_orders_fill_at_once():
    done = broker().submit(market((PUT_50, 1), (PUT_45, -1)), MARKET, NOW)
    assert [f.price for f in done.fills] == [Decimal("1.2"), Decimal("1.4")]


def test_outside_sessions_orders_wait():
    waiting = broker().submit(market((PUT_50, 1)), MARKET, NOW, is_open=False)
    assert waiting.order.status is OrderStatus.WORKING
    assert broker().match(waiting.order, MARKET, NOW, is_open=True).order.status is OrderStatus.FILLED


def test_final_orders_meet_no_market():
    with pytest.raises(InvalidInput, match="cancelled"):
        broker().match(order((PUT_50, -1)).cancelled(), MARKET, NOW)


def test_displayed_size_fills_in_parts_and_whole_units():
    sized = broker(fill_model=SizedNaturalFill())
    legs = ((PUT_50, -4), (PUT_45, 8))
    seen = quotes(quote(PUT_50, 2.0, 2.1, sizes=(3, 9)), quote(PUT_45, 0.4, 0.5, sizes=(9, 3)))
    first = sized.submit(order(*legs, limit_price=Decimal("0.50"), effect=Effect.CREDIT), seen, NOW)
    assert first.order.status is OrderStatus.PARTIALLY_FILLED
    assert [f.quantity for f in first.fills] == [-1, 2]
    current = first.order
    fills = list(first.fills)
    while current.status.is_open:
        step = sized.match(current, seen, NOW)
        current, fills = step.order, [*fills, *step.fills]
    assert len({f.id for f in fills}) == len(fills) == 8
    assert sum(f.quantity for f in fills if f.symbol == PUT_45) == 8
    unknown = quotes(quote(PUT_50, 2.0, 2.1), quote(PUT_45, 0.4, 0.5))
    assert sized.match(first.order, unknown, NOW).fills == ()


def test_the_midpoint_is_rounded_against_the_order():
    middle = broker(fill_model=MidpointFill())
    odd = quotes(quote(PUT_50, 1.10, 1.15))
    assert middle.submit(order((PUT_50, -1)), odd, NOW).fills[0].price == Decimal("1.12")
    assert middle.submit(order((PUT_50, 1), limit_price=Decimal(2)), odd, NOW).fills[0].price == Decimal("1.13")
    assert middle.name == "paper/midpoint"


def test_an_estimate_is_the_net_of_the_fill():
    roll = order((PUT_50, 3), (PUT_45, -3), limit_price=Decimal("9.00"), effect=Effect.CREDIT)
    assert broker().estimate(roll, MARKET) == Decimal("0.20")
    assert broker().estimate(roll, {}) is None


def test_negative_fees_are_refused():
    with pytest.raises(InvalidInput, match="share"):
        Fees(share=Decimal("-0.01"))


PRICES = st.tuples(st.integers(0, 500), st.integers(0, 40)).map(lambda p: (p[0] / 100, (p[0] + p[1]) / 100))
QUANTITIES = st.integers(-6, 6).filter(bool)


@settings(max_examples=100, deadline=None)
@given(
    sides=st.tuples(QUANTITIES, QUANTITIES, QUANTITIES),
    tops=st.tuples(PRICES, PRICES, PRICES),
    limit=st.integers(0, 800),
    effect=st.sampled_from(Effect),
    model=st.sampled_from([NaturalFill(), MidpointFill()]),
)
def test_a_fill_never_costs_more_than_the_limit_allows(sides, tops, limit, effect, model):
    """Cash of the fills, by the ledger's own arithmetic, against the limit times what one unit stands for."""
    symbols = (PUT_50, CALL_55, "XYZ")
    legs = tuple((s, q * (100 if s == "XYZ" else 1)) for s, q in zip(symbols, sides, strict=True))
    made = order(*legs, limit_price=Decimal(limit) / 100, effect=effect)
    seen = quotes(*(quote(s, bid, ask) for s, (bid, ask) in zip(symbols, tops, strict=True)))
    done = broker(fill_model=model, fees=Fees(option_contract=Decimal(0))).submit(made, seen, NOW)
    assume(done.fills)
    cash = sum(event.cash for event in book_fills(done.order, done.fills, {}))
    sign = 1 if effect is Effect.CREDIT else -1
    assert cash >= sign * made.limit_price * 100 * made.units
    assert [(f.symbol, f.quantity) for f in done.fills] == list(legs)
    for f in done.fills:
        top = seen[f.symbol]
        assert top.bid <= f.price <= top.ask


@pytest.mark.parametrize(
    ("time_in_force", "created", "session", "expires"),
    [
        (TimeInForce.DAY, NOW, SESSION, True),
        (TimeInForce.DAY, CLOSE, SESSION, False),
        (TimeInForce.GTC, NOW, SESSION, False),
        (TimeInForce.GTC, NOW, date(2013, 3, 15), True),
    ],
)
def test_time_in_force(time_in_force, created, session, expires):
    working = order((PUT_50, -1), time_in_force=time_in_force, created_at=created)
    after = expire_order(working, last_close=CLOSE, session=session, contracts={})
    assert (after.status is OrderStatus.EXPIRED) is expires
    assert (
        expire_order(working.cancelled(), last_close=CLOSE, session=session, contracts={}).status
        is OrderStatus.CANCELLED
    )
