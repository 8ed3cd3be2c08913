"""Cycles as reported, and flows by day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from wheelhouse.ledger.account import AccountState, apply_all
from wheelhouse.ledger.booking import book_cash, book_fill, open_account
from wheelhouse.ledger.events import sequenced
from wheelhouse.ledger.orders import Fill
from wheelhouse.market.instruments import Position
from wheelhouse.reports.campaigns import campaign_reports, closed_profits, flows_by_day

START = datetime(2013, 3, 1, 15, tzinfo=UTC)
PUT = "XYZ   130316P00050000"


def fill(name, symbol, quantity, price, day):
    made = Fill(id=name, ts=START + timedelta(days=day), symbol=symbol, quantity=quantity, price=Decimal(price))
    return book_fill("a1", name, made, {})


def test_ended_cycles_come_first_and_open_ones_have_no_end():
    events = (
        *open_account("a1", ts=START, cash=Decimal(1000)),
        *fill("f1", PUT, -1, "1.00", 0),
        *fill("f2", "ABC", 10, "5.00", 1),
        *fill("f3", PUT, 1, "1.40", 9),
    )
    state = apply_all(AccountState(account_id="a1"), sequenced(events, 0), {})
    ended, running = campaign_reports(state)
    assert (ended.underlying, ended.profit, ended.days) == ("XYZ", Decimal("-40.00"), 9)
    assert (running.underlying, running.closed_at, running.days) == ("ABC", None, None)
    assert closed_profits(state) == (-40.0,)


def test_flows_are_deposits_and_positions_brought_in():
    held = [Position(symbol="XYZ", quantity=100, cost_basis=Decimal(40)), Position(symbol="ABC", quantity=1)]
    events = open_account("a1", ts=START, cash=Decimal(1000), positions=held)
    state = apply_all(AccountState(account_id="a1"), sequenced(events, 0), {})
    late = START + timedelta(days=3)
    events += book_cash(state, Decimal("-250.00"), ts=late, external_id="w1")
    events += fill("f1", "XYZ", -100, "41.00", 3)
    assert flows_by_day(events, lambda ts: ts.date(), {}) == {
        date(2013, 3, 1): Decimal("5000.00"),
        date(2013, 3, 4): Decimal("-250.00"),
    }
