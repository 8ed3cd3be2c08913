from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from wheelhouse.advisor.requests import OrderRequest
from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.ledger.orders import Effect, OrderType, TimeInForce
from wheelhouse.ledger.reconciliation import BrokerStatement, StatementPosition
from wheelhouse.market.calendar import nyse
from wheelhouse.market.events import Dividend, Split, Terms

# Expires on Saturday 2013-03-16, last trades on Friday 2013-03-15.
PUT = "XYZ   130316P00050000"
CALL = "XYZ   130316C00050000"
LATER = "XYZ   130420P00050000"
FRIDAY = date(2013, 3, 15)


def name(symbol):
    return symbol.replace(" ", "_")


def end(desk, day=FRIDAY, **options):
    return desk.advisor.end_of_day.run(day, **options)


@pytest.fixture
def after_close(desk):
    desk.quote("XYZ", 49.9, 50.1)

    def close_at(price):
        desk.bar("XYZ", "2013-03-15", price)
        desk.clock.turn("2013-03-15 16:05")

    return close_at


def test_an_otm_put_expires_and_keeps_its_premium(desk, after_close):
    account = desk.account(**{name(PUT): (-2, "1.20")})
    after_close(50.005)
    (day,) = end(desk)
    assert [item.outcome.value for item in day.settlements] == ["expired"]
    state = desk.state(account)
    assert dict(state.positions) == {}
    assert (state.cash, state.realized) == (Decimal("100000.00"), Decimal("240.00"))
    assert day.equity == Decimal("100000.00")


def test_an_itm_put_is_assigned_with_both_bases(desk, after_close):
    account = desk.account(**{name(PUT): (-2, "1.20"), name(LATER): (-1, "2.00")})
    after_close(49.99)
    (day,) = end(desk)
    assert [item.outcome.value for item in day.settlements] == ["assigned"]
    state = desk.state(account)
    assert state.cash == Decimal("90000.00")
    assert {s: p.quantity for s, p in state.positions.items()} == {"XYZ": 200, LATER: -1}
    assert state.positions["XYZ"].tax_basis == Decimal("48.80")
    posted = [event for event in day.booked if event.kind.value == "assignment"]
    assert all(event.ts == desk.advisor.calendar.open_at(date(2013, 3, 18)) for event in posted)


def test_a_covered_call_is_called_away(desk, after_close):
    account = desk.account(0, **{name(CALL): (-1, "1.50"), "XYZ": (100, "45")})
    after_close(52.0)
    end(desk)
    state = desk.state(account)
    assert (state.cash, dict(state.positions)) == (Decimal("5000.00"), {})


def test_without_an_official_price_the_outcome_is_unknown_and_the_position_stays(desk):
    account = desk.account(**{name(PUT): (-1, "1.20")})
    desk.clock.turn("2013-03-15 16:05")
    (day,) = end(desk)
    assert [item.outcome.value for item in day.settlements] == ["unknown"]
    assert desk.state(account).quantity(PUT) == -1
    assert day.equity is None
    assert desk.advisor.store.equity(account) == []


def test_the_closing_quote_stands_in_for_a_missing_bar(desk):
    account = desk.account(**{name(PUT): (-1, "1.20")})
    desk.clock.turn("2013-03-15 15:59")
    desk.quote("XYZ", 44.9, 45.1)
    desk.clock.turn("2013-03-15 16:05")
    end(desk)
    assert desk.state(account).quantity("XYZ") == 100


def test_running_it_again_changes_nothing(desk, after_close):
    account = desk.account(**{name(PUT): (-1, "1.20")})
    after_close(45.0)
    (first,) = end(desk)
    before = desk.state(account)
    (second,) = end(desk)
    assert first.booked
    assert second.booked == ()
    assert desk.state(account) == before
    assert second.reconciled
    assert (first.equity, second.equity) == (Decimal("99500.00"), Decimal("99500.00"))
    assert len(desk.advisor.store.equity(account)) == 1


def test_before_the_close_nothing_is_settled(desk):
    desk.quote("XYZ", 40.0, 40.1)
    account = desk.account(**{name(PUT): (-1, "1.20")})
    desk.quote(PUT, 9.9, 10.1)
    (day,) = end(desk)
    assert (day.settlements, day.booked) == ((), ())
    assert desk.state(account).quantity(PUT) == -1
    assert day.equity == Decimal("99000.00")


def test_day_orders_end_and_gtc_orders_stay(desk, after_close):
    account = desk.account()
    for key, lifetime in (("day", TimeInForce.DAY), ("gtc", TimeInForce.GTC)):
        request = OrderRequest(legs=(("XYZ", 1),), limit_price=Decimal(1), time_in_force=lifetime)
        desk.advisor.orders.submit(account, request, key=key, render=lambda order: order.id.encode())
    after_close(50.0)
    (day,) = end(desk)
    statuses = {order.idempotency_key: order.status.value for order in desk.advisor.orders.orders(account)}
    assert statuses == {"day": "expired", "gtc": "working"}
    assert len(day.expired_orders) == 1


def test_orders_entered_after_the_close_wait_for_the_next_session(desk, after_close):
    after_close(50.0)
    account = desk.account()
    desk.clock.turn("2013-03-15 15:59")
    desk.quote("XYZ", 49.9, 50.1)
    desk.clock.turn("2013-03-15 16:05")
    request = OrderRequest(legs=(("XYZ", 1),), type=OrderType.MARKET)
    desk.advisor.orders.submit(account, request, key="1", render=lambda order: order.id.encode())
    end(desk)
    assert [order.status.value for order in desk.advisor.orders.orders(account)] == ["working"]
    desk.clock.turn("2013-03-18 09:31")
    desk.quote("XYZ", 51.9, 52.1)
    (order,) = desk.advisor.orders.orders(account)
    assert (order.status.value, order.fills[0].price) == ("filled", Decimal("52.1"))


def test_dividends_are_paid_to_who_held_on_the_ex_date(desk):
    desk.clock.turn("2013-03-11 10:00")
    desk.quote("XYZ", 49.9, 50.1)
    holder = desk.account(XYZ=(100, "45"))
    late = desk.account()
    dividend = Dividend(ex_date=date(2013, 3, 13), pay_date=date(2013, 3, 15), amount=Decimal("0.25"))
    desk.advisor.market.put_terms("XYZ", Terms(dividends=(dividend,)))
    desk.clock.turn("2013-03-13 10:00")
    desk.quote("XYZ", 49.9, 50.1)
    request = OrderRequest(legs=(("XYZ", 100),), type=OrderType.MARKET)
    desk.advisor.orders.submit(late, request, key="1", render=lambda order: order.id.encode())
    desk.clock.turn("2013-03-13 16:05")
    end(desk, date(2013, 3, 13))
    assert desk.state(holder).dividends == 0
    desk.clock.turn("2013-03-15 16:05")
    end(desk)
    end(desk)
    assert (desk.state(holder).dividends, desk.state(late).dividends) == (Decimal("25.00"), 0)


def test_a_split_doubles_shares_and_contracts(desk):
    account = desk.account(**{name(LATER): (-1, "2.00"), "XYZ": (100, "45")})
    desk.quote("XYZ", 49.9, 50.1)
    desk.advisor.market.put_terms("XYZ", Terms(splits=(Split(ex_date=date(2013, 3, 18), ratio=Fraction(2)),)))
    desk.clock.turn("2013-03-15 16:05")
    end(desk)
    held = {symbol: position.quantity for symbol, position in desk.state(account).positions.items()}
    assert held == {"XYZ": 200, "XYZ   130420P00025000": -2}
    end(desk)
    assert desk.state(account).quantity("XYZ") == 200


def test_idle_cash_earns_its_rate_once_a_day(desk_of):
    desk = desk_of(cash_rate=0.0365)
    account = desk.account(10_000)
    desk.clock.turn("2013-03-15 16:05")
    end(desk)
    end(desk)
    assert desk.state(account).interest == Decimal("1.00")


def test_a_statement_that_agrees_and_one_that_does_not(desk):
    account = desk.account(1000, XYZ=(100, "45"))
    agreed = BrokerStatement(
        account_id=account, cash=Decimal(1000), positions=(StatementPosition(symbol="XYZ", quantity=100),)
    )
    (day,) = end(desk, statements=[agreed])
    assert (day.reconciled, day.differences) == (True, ())
    other = BrokerStatement(account_id=account, cash=Decimal(999), positions=None)
    (day,) = end(desk, statements=[other])
    assert not day.reconciled
    assert {item.kind.value for item in day.differences} == {"cash", "unavailable"}
    assert desk.state(account).cash == 1000


def test_other_accounts_are_left_alone(desk, after_close):
    mine, other = desk.account(**{name(PUT): (-1, "1")}), desk.account(**{name(PUT): (-1, "1")})
    after_close(51.0)
    days = end(desk, accounts=[mine])
    assert [day.account_id for day in days] == [mine]
    assert desk.state(other).quantity(PUT) == -1


@pytest.mark.parametrize("day", [date(2013, 3, 16), date(2013, 3, 18), date(1900, 1, 2)])
def test_days_that_cannot_end(desk, day):
    with pytest.raises(InvalidInput):
        end(desk, day)


def test_accounts_and_statements_that_do_not_belong(desk):
    with pytest.raises(NotFound):
        end(desk, accounts=["none"])
    with pytest.raises(InvalidInput, match="none"):
        end(desk, statements=[BrokerStatement(account_id="none", cash=None, positions=None)])


def test_performance_rests_on_the_recorded_days(desk):
    desk.quote("XYZ", 49.9, 50.1)
    account = desk.account(0, XYZ=(100, "50"))
    closes = {"2013-03-15": 50.0, "2013-03-18": 51.0, "2013-03-19": 50.5, "2013-03-20": 52.0}
    for day, close in closes.items():
        desk.clock.turn(f"{day} 15:59")
        desk.quote("XYZ", close - 0.1, close + 0.1)
        desk.bar("XYZ", day, close)
        desk.clock.turn(f"{day} 16:05")
        end(desk, date.fromisoformat(day))
    own, benchmark, campaigns = desk.advisor.advice.performance(account)
    assert own.total_return == pytest.approx(0.04)
    assert own.max_drawdown == pytest.approx(50.5 / 51 - 1)
    assert benchmark["XYZ"].total_return == pytest.approx(own.total_return)
    assert [campaign.underlying for campaign in campaigns] == ["XYZ"]


def test_a_day_before_the_opening_is_no_part_of_the_performance(desk):
    desk.quote("XYZ", 49.9, 50.1)
    account = desk.account(1000)
    calendar = nyse(2020)
    opened = calendar.session_of(desk.clock.now())
    end(desk, calendar.previous_session(opened))
    assert desk.advisor.store.equity(account) == []
    end(desk, opened)
    assert [record.day for record in desk.advisor.store.equity(account)] == [opened]


def test_effects_of_credit_are_kept(desk):
    """A rejected order is in the ledger as an intent, and moves nothing."""
    account = desk.account(10)
    desk.quote("XYZ", 49.9, 50.1)
    request = OrderRequest(legs=(("XYZ", 1),), limit_price=Decimal(60), effect=Effect.DEBIT)
    desk.advisor.orders.submit(account, request, key="1", render=lambda order: order.id.encode())
    kinds = [event.kind.value for event in desk.advisor.store.events(account)]
    assert kinds == ["cash", "order"]
    assert desk.state(account).cash == 10


def test_who_is_assigned_on_the_eve_of_an_ex_date_is_paid(desk, after_close):
    ex_date = Dividend(ex_date=date(2013, 3, 18), pay_date=date(2013, 3, 18), amount=Decimal("0.25"))
    desk.advisor.market.put_terms("XYZ", Terms(dividends=(ex_date,)))
    assigned = desk.account(**{name(PUT): (-2, "1.20")})
    after_close(49.99)
    end(desk)
    desk.clock.turn("2013-03-18 16:05")
    desk.bar("XYZ", "2013-03-18", 50.0)
    end(desk, date(2013, 3, 18))
    assert desk.state(assigned).dividends == Decimal("50.00")


def test_shares_called_away_on_the_eve_of_an_ex_date_are_paid_nothing(desk, after_close):
    ex_date = Dividend(ex_date=date(2013, 3, 18), pay_date=date(2013, 3, 18), amount=Decimal("0.25"))
    desk.advisor.market.put_terms("XYZ", Terms(dividends=(ex_date,)))
    account = desk.account(0, **{name(CALL): (-1, "1.50"), "XYZ": (100, "45")})
    after_close(52.0)
    end(desk)
    desk.clock.turn("2013-03-18 16:05")
    desk.bar("XYZ", "2013-03-18", 52.0)
    end(desk, date(2013, 3, 18))
    assert desk.state(account).dividends == 0
