from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wheelhouse.errors import Conflict, InvalidInput, NotFound
from wheelhouse.ledger.events import EventKind, LedgerEvent, sequenced
from wheelhouse.ledger.orders import Effect, Fill, Leg, Order, OrderStatus, OrderType, Reason, TimeInForce
from wheelhouse.market.instruments import AccountKind
from wheelhouse.store.protocol import Store
from wheelhouse.store.records import AccountRecord, EquityRecord, IdempotencyRecord, KeyRecord

NOON = datetime(2013, 3, 1, 17, 0, 0, 654321, tzinfo=UTC)
PUT = "AAPL  130316P00400000"


def account(name: str = "a", **changes: object) -> AccountRecord:
    fields = {"id": name, "name": f"Account {name}", "kind": AccountKind.CASH, "created_at": NOON} | changes
    return AccountRecord(**fields)  # type: ignore[arg-type]  # fields of a test


def event(name: str, **changes: object) -> LedgerEvent:
    fields = {"id": name, "account_id": "a", "ts": NOON, "kind": EventKind.CASH, "cash": Decimal("100.00")} | changes
    return LedgerEvent(**fields)  # type: ignore[arg-type]  # fields of a test


def order(name: str = "o1", **changes: object) -> Order:
    fields = {"id": name, "account_id": "a", "created_at": NOON, "legs": (Leg(symbol=PUT, quantity=-2),)} | changes
    return Order(**({"limit_price": Decimal("1.23")} | fields))  # type: ignore[arg-type]  # fields of a test


def answer(**changes: object) -> IdempotencyRecord:
    fields = {"account_id": "a", "key": "k", "body_hash": "h", "status": 201, "response": b"{\x00}", "created_at": NOON}
    return IdempotencyRecord(**(fields | changes))  # type: ignore[arg-type]  # fields of a test


@pytest.fixture
def opened(store: Store) -> Store:
    store.create_account(account(), sequenced([event("e1")], 0))
    return store


def test_an_account_comes_back_with_its_events(store: Store) -> None:
    opening = sequenced(
        [
            event("cash", cash=Decimal("100000.07")),
            event(
                "shares",
                kind=EventKind.ADJUSTMENT,
                cash=Decimal("0.00"),
                symbol="AAPL",
                quantity=100,
                price=Decimal("33.333333333333333"),
                external_id="x",
                order_id="o",
                detail={"reason": "opening_position", "note": 'quo"te'},
            ),
        ],
        0,
    )
    store.create_account(account("a", kind=AccountKind.IRA), opening)
    store.create_account(account("b", created_at=NOON - timedelta(days=1)), ())
    assert store.accounts() == [account("b", created_at=NOON - timedelta(days=1)), account("a", kind=AccountKind.IRA)]
    assert tuple(store.events("a")) == opening
    assert store.events("b") == []
    with pytest.raises(Conflict):
        store.create_account(account("a"), ())


def test_many_opening_positions(store: Store) -> None:
    opening = sequenced([event(f"e{i}", cash=Decimal(i)) for i in range(333)], 0)
    store.create_account(account(), opening)
    assert tuple(store.events("a")) == opening
    assert store.verify() == []


amounts = st.decimals(min_value=Decimal("-9999999999999999.99"), max_value=Decimal("9999999999999999.99"), places=2)
# Hypothesis wants naive bounds and adds the zone itself.
instants = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.timezones())  # noqa: DTZ001
prices = st.none() | st.decimals(min_value=0, max_value=999_999_999_999, allow_nan=False, allow_infinity=False)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cash=amounts,
    price=prices,
    quantity=st.integers(-(2**62), 2**62),
    ts=instants,
    detail=st.dictionaries(st.text(max_size=4), st.text(max_size=9), max_size=2),
)
def test_amounts_times_and_texts_come_back_exactly(
    store: Store,
    cash: Decimal,
    price: Decimal | None,
    quantity: int,
    ts: datetime,
    detail: dict[str, str],
) -> None:
    name = f"a{len(store.accounts())}"
    booked = event("e", account_id=name, ts=ts, cash=cash, price=price, quantity=quantity, symbol="AAPL", detail=detail)
    store.create_account(account(name), sequenced([booked], 0))
    (found,) = store.events(name)
    # Compared in UTC: Python calls times in a gap or fold of another zone unequal to everything (PEP 495).
    assert found == replace(booked, sequence=1, ts=ts.astimezone(UTC))
    assert found.ts.tzinfo is UTC


def test_commit_appends_events_orders_and_answer_together(opened: Store) -> None:
    filled = order(
        status=OrderStatus.FILLED,
        fills=(Fill(id="f", ts=NOON, symbol=PUT, quantity=-2, price=Decimal("1.235"), fee=Decimal("1.30")),),
        idempotency_key="k",
    )
    events = sequenced(
        [event("e2", kind=EventKind.ORDER, order_id="o1", cash=Decimal("0.00")), event("e3", order_id="o1")], 1
    )
    opened.commit("a", events, [filled], answer(), expected_last_sequence=1)
    assert tuple(opened.events("a", after_sequence=1)) == events
    assert opened.events("a", after_sequence=1, limit=1) == [events[0]]
    assert opened.orders("a") == [filled]
    assert opened.order("o1") == filled
    assert opened.idempotency("a", "k") == answer()
    assert opened.idempotency("b", "k") is None
    assert opened.verify() == []


def test_every_field_of_an_order_comes_back(opened: Store) -> None:
    combo = order(
        legs=(Leg(symbol=PUT, quantity=2), Leg(symbol="AAPL  130420P00390000", quantity=-2)),
        limit_price=Decimal("0.000001"),
        effect=Effect.CREDIT,
        time_in_force=TimeInForce.GTC,
        status=OrderStatus.REJECTED,
        reasons=(Reason(code="insufficient_cash", detail="needs 10"),),
    )
    market = order("o2", type=OrderType.MARKET, limit_price=None, created_at=NOON + timedelta(seconds=1))
    opened.commit("a", (), [market, combo], expected_last_sequence=1)
    assert opened.orders() == [combo, market]
    assert opened.orders(status=OrderStatus.WORKING) == [market]
    opened.commit("a", (), [market.cancelled()], expected_last_sequence=1)
    assert opened.orders(status=OrderStatus.WORKING) == []
    assert opened.order("o2").status is OrderStatus.CANCELLED
    with pytest.raises(NotFound, match="o9"):
        opened.order("o9")


@pytest.mark.parametrize(
    ("expected", "events", "error"),
    [
        (0, [event("e2")], Conflict),
        (2, [event("e2")], Conflict),
        (2, [], Conflict),
        (1, [event("e1")], Conflict),
        (1, [event("e2", account_id="b")], InvalidInput),
    ],
)
def test_a_commit_that_is_refused_changes_nothing(
    opened: Store, expected: int, events: list[LedgerEvent], error: type[Exception]
) -> None:
    before = opened.counts()
    with pytest.raises(error):
        opened.commit("a", sequenced(events, expected), [order()], answer(), expected_last_sequence=expected)
    assert opened.counts() == before
    opened.commit("a", sequenced([event("e2")], 1), [order()], answer(), expected_last_sequence=1)
    assert opened.verify() == []


def test_events_without_their_number_are_refused(opened: Store) -> None:
    with pytest.raises(InvalidInput, match="sequence 0, 2 comes next"):
        opened.commit("a", [event("e2")], expected_last_sequence=1)


def test_commits_to_an_account_that_does_not_exist(store: Store) -> None:
    with pytest.raises(NotFound, match="'a'"):
        store.commit("a", sequenced([event("e1")], 0), expected_last_sequence=0)
    with pytest.raises(NotFound, match="'a'"):
        store.set_halted("a", True)


def test_an_order_stays_with_its_account(opened: Store) -> None:
    opened.create_account(account("b"), ())
    opened.commit("a", (), [order()], expected_last_sequence=1)
    with pytest.raises(Conflict, match="another account"):
        opened.commit("b", (), [order(account_id="b")], expected_last_sequence=0)
    with pytest.raises(InvalidInput, match="account a"):
        opened.commit("b", (), [order()], expected_last_sequence=0)


def test_limits_with_more_decimals_than_are_stored_are_refused(opened: Store) -> None:
    with pytest.raises(InvalidInput, match="6 decimals"):
        opened.commit("a", (), [order(limit_price=Decimal("0.1234567"))], expected_last_sequence=1)
    with pytest.raises(InvalidInput, match="1e16"):
        opened.commit("a", sequenced([event("e2", cash=Decimal("1e16"))], 1), expected_last_sequence=1)


def test_an_idempotency_key_lives_a_day(opened: Store) -> None:
    opened.commit("a", (), (), answer(), expected_last_sequence=1)
    with pytest.raises(Conflict, match="'k'"):
        opened.commit("a", (), (), answer(created_at=NOON + timedelta(hours=23)), expected_last_sequence=1)
    renewed = answer(created_at=NOON + timedelta(hours=24), response=b"new")
    opened.commit("a", (), (), renewed, expected_last_sequence=1)
    assert opened.idempotency("a", "k") == renewed
    assert opened.forget_idempotency(NOON + timedelta(hours=24)) == 0
    assert opened.forget_idempotency(NOON + timedelta(hours=25)) == 1
    assert opened.idempotency("a", "k") is None


def test_creating_an_account_may_be_answered_again(store: Store) -> None:
    store.create_account(account("a"), (), answer(account_id=""))
    assert store.idempotency("", "k") == answer(account_id="")
    with pytest.raises(Conflict):
        store.create_account(account("b"), (), answer(account_id=""))
    assert [it.id for it in store.accounts()] == ["a"]
    assert store.verify() == []


def test_kill_switches(opened: Store) -> None:
    assert not opened.halted_globally()
    opened.set_halted(None, True)
    opened.set_halted("a", True)
    assert opened.halted_globally()
    assert opened.accounts() == [account(halted=True)]
    opened.set_halted(None, False)
    opened.set_halted("a", False)
    assert not opened.halted_globally()
    assert opened.accounts() == [account()]


def test_equity_by_day_is_replaced(opened: Store) -> None:
    monday = EquityRecord(account_id="a", day=date(2013, 3, 4), equity=Decimal("100.10"), flow=Decimal("-5.00"))
    friday = EquityRecord(account_id="a", day=date(2013, 3, 1), equity=Decimal("100.00"), flow=Decimal("0.00"))
    opened.write_equity([monday, EquityRecord(account_id="a", day=friday.day, equity=Decimal(1), flow=Decimal(0))])
    opened.write_equity([friday])
    assert opened.equity("a") == [friday, monday]
    with pytest.raises(InvalidInput, match="2 decimals"):
        opened.write_equity([EquityRecord(account_id="a", day=monday.day, equity=Decimal("0.001"), flow=Decimal(0))])


def test_keys_are_revoked_once(store: Store) -> None:
    key = KeyRecord(
        id="k", name="desk", role="admin", hash="sha256:1", created_at=NOON.astimezone(ZoneInfo("Asia/Tokyo"))
    )
    store.put_key(key)
    assert store.keys() == [key]
    with pytest.raises(Conflict):
        store.put_key(key)
    store.revoke_key("k", NOON)
    store.revoke_key("k", NOON + timedelta(days=1))
    (revoked,) = store.keys()
    assert revoked.revoked_at == NOON
    with pytest.raises(NotFound, match="'z'"):
        store.revoke_key("z", NOON)


def test_all_events_come_account_by_account(opened: Store) -> None:
    opened.create_account(account("b"), sequenced([event("e1", account_id="b"), event("e2", account_id="b")], 0))
    opened.commit("a", sequenced([event("e2")], 1), expected_last_sequence=1)
    assert opened.all_events() == opened.events("a") + opened.events("b")
