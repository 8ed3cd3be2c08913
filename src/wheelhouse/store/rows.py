"""Ledger events, orders and other records as rows, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.events import EventKind, LedgerEvent
from wheelhouse.ledger.orders import Effect, Order, OrderStatus, OrderType, TimeInForce
from wheelhouse.store.documents import DETAIL, FILLS, LEGS, REASONS, decode, encode
from wheelhouse.store.engine import SqlValue

EVENTS: Final = (
    "account_id", "sequence", "id", "ts", "kind", "symbol", "quantity", "price", "exact_price", "cash", "order_id",
    "external_id", "detail",
)  # fmt: skip
ORDERS: Final = (
    "id", "account_id", "created_at", "legs", "type", "limit_price", "effect", "time_in_force", "status", "fills", "reasons",
    "idempotency_key",
)  # fmt: skip
ANSWERS: Final = ("account_id", "key", "body_hash", "status", "response", "created_at")
CASH_PLACES: Final = 2
PRICE_PLACES: Final = 6
_DIGITS: Final = 18


def event_row(event: LedgerEvent) -> tuple[SqlValue, ...]:
    """Give the values of `EVENTS`."""
    what = f"event {event.id} of account {event.account_id}"
    price = None if event.price is None else round(event.price, PRICE_PLACES)
    return (
        event.account_id,
        event.sequence,
        event.id,
        event.ts.astimezone(UTC),
        event.kind.value,
        event.symbol,
        event.quantity,
        None if price is None else exact(price, PRICE_PLACES, f"price of {what}"),
        None if price == event.price else str(event.price),
        exact(event.cash, CASH_PLACES, f"cash of {what}"),
        event.order_id,
        event.external_id,
        encode(event.detail),
    )


def event_of(row: Mapping[str, Any]) -> LedgerEvent:
    """Make an event of a row of `EVENTS`."""
    detail = decode(row["detail"], DETAIL, f"event {row['sequence']} of account {row['account_id']}")
    return LedgerEvent(
        account_id=row["account_id"],
        sequence=row["sequence"],
        id=row["id"],
        ts=utc(row["ts"]),
        kind=EventKind(row["kind"]),
        symbol=row["symbol"],
        quantity=row["quantity"],
        price=row["price"] if row["exact_price"] is None else Decimal(row["exact_price"]),
        cash=row["cash"],
        order_id=row["order_id"],
        external_id=row["external_id"],
        detail=detail,
    )


def order_row(order: Order) -> tuple[SqlValue, ...]:
    """Give the values of `ORDERS`."""
    limit = order.limit_price
    return (
        order.id,
        order.account_id,
        order.created_at.astimezone(UTC),
        encode(order.legs),
        order.type.value,
        None if limit is None else exact(limit, PRICE_PLACES, f"limit_price of order {order.id}"),
        None if order.effect is None else order.effect.value,
        order.time_in_force.value,
        order.status.value,
        encode(order.fills),
        encode(order.reasons),
        order.idempotency_key,
    )


def order_of(row: Mapping[str, Any]) -> Order:
    """Make an order of a row of `ORDERS`."""
    what = f"order {row['id']}"
    return Order(
        id=row["id"],
        account_id=row["account_id"],
        created_at=utc(row["created_at"]),
        legs=decode(row["legs"], LEGS, what),
        type=OrderType(row["type"]),
        limit_price=row["limit_price"],
        effect=None if row["effect"] is None else Effect(row["effect"]),
        time_in_force=TimeInForce(row["time_in_force"]),
        status=OrderStatus(row["status"]),
        fills=decode(row["fills"], FILLS, what),
        reasons=decode(row["reasons"], REASONS, what),
        idempotency_key=row["idempotency_key"],
    )


def exact(value: Decimal, places: int, what: str) -> Decimal:
    """Bring a Decimal to the scale of its column, refusing what would be rounded or does not fit.

    Raises
    ------
    InvalidInput
        If the value is not finite, too large, or has more decimals than `places`.
    """
    if not value.is_finite() or abs(value) >= Decimal(10) ** (_DIGITS - places):
        raise InvalidInput(f"{what} is {value}, which is not below 1e{_DIGITS - places}")
    scaled = round(value, places)
    if scaled != value:
        raise InvalidInput(f"{what} is {value}; {places} decimals are stored, and nothing is rounded in secret")
    return scaled


def utc(ts: datetime) -> datetime:
    """Write an instant in the standard library's UTC; the database's own object of that zone prints differently."""
    return ts.astimezone(UTC)


def utc_or_none(ts: datetime | None) -> datetime | None:
    """Do what `utc` does, and leave None alone."""
    return None if ts is None else ts.astimezone(UTC)
