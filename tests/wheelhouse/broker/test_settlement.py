"""The end of a day for options: who expires, who is assigned, when it posts, and what is not known."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from wheelhouse.broker.settlement import Outcome, plan_settlements
from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.account import AccountState, apply_all
from wheelhouse.ledger.booking import book_assignment, open_account
from wheelhouse.ledger.events import sequenced
from wheelhouse.market.instruments import (
    Deliverable,
    Exercise,
    OptionContract,
    Position,
    Right,
    Settlement,
    SettlementTime,
    parse_osi,
)


class Weekdays:
    """Sessions on every weekday, 14:30 to 21:00 UTC."""

    def last_trading_day(self, expiry: date) -> date:
        return expiry - timedelta(days=max(0, expiry.weekday() - 4))

    def next_session(self, day: date) -> date:
        return day + timedelta(days=3 if day.weekday() == 4 else 1)

    def open_at(self, day: date) -> datetime:
        assert day.weekday() < 5
        return datetime.combine(day, time(14, 30), tzinfo=UTC)

    def close_at(self, day: date) -> datetime:
        assert day.weekday() < 5
        return datetime.combine(day, time(21, 0), tzinfo=UTC)


CALENDAR = Weekdays()
FRIDAY = date(2013, 3, 15)
PUT_50 = "XYZ   130316P00050000"
CALL_55 = "XYZ   130316C00055000"
LATER = "XYZ   130420C00055000"


def held(**quantities):
    positions = [Position(symbol=s, quantity=q, cost_basis=Decimal(1)) for s, q in quantities.items()]
    opening = open_account("a1", ts=CALENDAR.open_at(date(2013, 3, 1)), cash=Decimal(100_000), positions=positions)
    return after(None, opening)


def after(state, events, contracts=None):
    state = state or AccountState(account_id="a1")
    return apply_all(state, sequenced(events, state.sequence), contracts or {})


def plan(state, close, *, session=FRIDAY, **changes):
    contracts = changes.pop("contracts", {})
    price = None if close is None else Decimal(close)
    return plan_settlements(
        state, session=session, sessions=CALENDAR, prices=lambda *_: price, contracts=contracts, **changes
    )


@pytest.mark.parametrize(
    ("symbol", "close", "outcome"),
    [
        (PUT_50, "50.00", Outcome.EXPIRED),
        (PUT_50, "49.995", Outcome.EXPIRED),
        (PUT_50, "49.99", Outcome.ASSIGNED),
        (CALL_55, "55.00", Outcome.EXPIRED),
        (CALL_55, "55.01", Outcome.ASSIGNED),
    ],
)
def test_a_cent_in_the_money_decides(symbol, close, outcome):
    (settled,) = plan(held(**{symbol: -2}), close)
    assert settled.outcome is outcome
    state = after(held(**{symbol: -2}), settled.events)
    assert state.quantity(symbol) == 0
    assert bool(state.quantity("XYZ")) is (outcome is Outcome.ASSIGNED)


def test_longs_are_exercised():
    state = held(**{CALL_55: 1})
    (settled,) = plan(state, "60.00")
    assert settled.outcome is Outcome.EXERCISED
    assert after(state, settled.events).cash == 100_000 - 5500


def test_expiry_posts_at_the_close_and_assignment_at_the_next_open():
    """A Saturday symbol of 2013 last traded the Friday before; Monday opens with the shares."""
    (expired,) = plan(held(**{PUT_50: -1}), "51.00")
    assert expired.posts_at == CALENDAR.close_at(FRIDAY)
    (assigned,) = plan(held(**{PUT_50: -1}), "49.00")
    assert assigned.posts_at == CALENDAR.open_at(date(2013, 3, 18))
    assert {event.ts for event in assigned.events} == {assigned.posts_at}


def test_nothing_happens_before_the_last_trading_day():
    assert plan(held(**{PUT_50: -1}), "10.00", session=date(2013, 3, 14)) == ()


def test_a_day_that_was_missed_is_made_up_on_its_own_prices():
    asked = []

    def prices(symbol, day, _):
        asked.append((symbol, day))
        return Decimal("51.00")

    (settled,) = plan_settlements(
        held(**{PUT_50: -1}), session=date(2013, 3, 20), sessions=CALENDAR, prices=prices, contracts={}
    )
    assert set(asked) == {("XYZ", FRIDAY)}
    assert settled.session == FRIDAY


def test_an_unknown_price_is_not_a_worthless_option():
    (settled,) = plan(held(**{PUT_50: -1}), None)
    assert (settled.outcome, settled.events) == (Outcome.UNKNOWN, ())
    assert "supply its daily bar" in settled.detail


def test_booked_settlements_are_not_planned_again():
    state = held(**{PUT_50: -1, CALL_55: -1})
    events = [event for settled in plan(state, "49.00") for event in settled.events]
    settled_state = after(state, events)
    assert plan(settled_state, "49.00") == ()
    assert settled_state.imbalance == 0


def test_early_assignment_of_short_americans_only():
    why = {LATER: "dividend exceeds what is left of time value"}
    (settled,) = plan(held(**{LATER: -1}), "60.00", early=why, assignment_fee=Decimal("5.00"))
    assert (settled.outcome, settled.detail) == (Outcome.ASSIGNED, why[LATER])
    assert settled.posts_at == CALENDAR.open_at(date(2013, 3, 18))
    assert [event.cash for event in settled.events] == [0, 5500, -5]
    assert plan(held(**{LATER: 1}), "60.00", early=why) == ()


def index_option(symbol, when):
    osi = parse_osi(symbol)
    last = osi.expiry - timedelta(days=1 if when is SettlementTime.AM else 0)
    return OptionContract(
        symbol=symbol,
        underlying="SPX",
        expiry=osi.expiry,
        last_trading_day=last,
        strike=osi.strike,
        right=osi.right,
        deliverable=Deliverable(shares=()),
        exercise=Exercise.EUROPEAN,
        settlement=Settlement.CASH,
        settlement_time=when,
    )


def test_an_index_option_settles_in_cash_at_the_open_of_its_expiry():
    symbol = "SPX   170317P02400000"
    contract = index_option(symbol, SettlementTime.AM)
    assert contract.last_trading_day == date(2017, 3, 16)
    state = held(**{symbol: -1})
    known = {symbol: contract}
    assert plan(state, "2380.00", session=date(2017, 3, 16), contracts=known) == ()
    (settled,) = plan(state, "2380.00", session=date(2017, 3, 17), contracts=known)
    assert after(state, settled.events, known).cash == 100_000 - 2000
    assert after(state, settled.events, known).realized == 100 - 2000


def test_an_adjusted_contract_is_judged_by_what_it_delivers():
    """After 1-for-10 a put at 5 delivers 10 shares for 500: out of the money above 50 a share."""
    symbol = "XYZ1  130316P00005000"
    osi = parse_osi(symbol)
    contract = OptionContract(
        symbol=symbol,
        underlying="XYZ",
        expiry=osi.expiry,
        last_trading_day=FRIDAY,
        strike=osi.strike,
        right=Right.PUT,
        deliverable=Deliverable(shares=(("XYZ", 10),)),
    )
    state = held(**{symbol: -1})
    assert plan(state, "50.00", contracts={symbol: contract})[0].outcome is Outcome.EXPIRED
    (settled,) = plan(state, "45.00", contracts={symbol: contract})
    assert settled.intrinsic == Decimal("0.5")
    booked = after(state, settled.events, {symbol: contract})
    assert (booked.cash, booked.quantity("XYZ")) == (99_500, 10)


def test_cash_settlement_without_a_price_is_refused_by_the_books():
    symbol = "SPX   170317P02400000"
    known = {symbol: index_option(symbol, SettlementTime.PM)}
    with pytest.raises(InvalidInput, match="settlement price of SPX"):
        book_assignment(held(**{symbol: -1}), symbol, ts=CALENDAR.open_at(FRIDAY), external_id="x", contracts=known)
