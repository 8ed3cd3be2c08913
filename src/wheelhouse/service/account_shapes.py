"""What the account routes take and give."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from wheelhouse.service.shapes import Quantity

Kind = Literal["cash", "margin", "ira"]
OrderStatusName = Literal["working", "partially_filled", "filled", "cancelled", "expired", "rejected"]
Aware = Annotated[datetime, Meta(tz=True)]


class PositionIn(msgspec.Struct, forbid_unknown_fields=True):
    """A position to open with; the cost basis is per share, of a short option the premium received."""

    symbol: str
    quantity: Quantity
    cost_basis: Annotated[float, Meta(ge=0)] | None = None


class AccountIn(msgspec.Struct, forbid_unknown_fields=True):
    """An account to open."""

    name: str
    kind: Kind
    cash: float
    positions: list[PositionIn] = []


class DeliverableOut(msgspec.Struct):
    """What one exercised contract moves."""

    shares: dict[str, int]
    cash: float


class PositionOut(msgspec.Struct):
    """A position at market."""

    symbol: str
    quantity: int
    mark: float | None
    market_value: float | None
    tax_basis: float | None
    campaign_basis: float | None
    deliverable: DeliverableOut | None
    delta: float | None
    unrealized: float | None
    flags: tuple[str, ...]


class AccountOut(msgspec.Struct):
    """An account at market."""

    id: str
    name: str
    kind: Kind
    as_of: datetime
    cash: float
    equity: float | None
    liquidation_equity: float | None
    buying_power: float | None
    reserved: float
    halted: bool
    positions: list[PositionOut]


class AccountsOut(msgspec.Struct):
    """Accounts, oldest first."""

    accounts: list[AccountOut]
    next_cursor: str | None


class LegIn(msgspec.Struct, forbid_unknown_fields=True):
    """One leg: signed contracts or shares."""

    symbol: str
    quantity: Quantity


class OrderIn(msgspec.Struct, forbid_unknown_fields=True):
    """An order to send."""

    legs: Annotated[list[LegIn], Meta(min_length=1, max_length=8)]
    type: Literal["limit", "market"] = "limit"
    limit_price: Annotated[float, Meta(ge=0)] | None = None
    effect: Literal["credit", "debit"] | None = None
    time_in_force: Literal["day", "gtc"] = "day"


class LegOut(msgspec.Struct):
    """One leg: signed contracts or shares."""

    symbol: str
    quantity: int


class FillOut(msgspec.Struct):
    """One execution of one leg; the fee in USD, positive."""

    id: str
    ts: datetime
    symbol: str
    quantity: int
    price: float
    fee: float


class ReasonOut(msgspec.Struct):
    """A code for programs and a sentence for people."""

    code: str
    detail: str


class OrderOut(msgspec.Struct):
    """An order and what became of it."""

    id: str
    status: OrderStatusName
    created_at: datetime
    legs: list[LegOut]
    type: Literal["limit", "market"]
    limit_price: float | None
    effect: Literal["credit", "debit"] | None
    time_in_force: Literal["day", "gtc"]
    fills: list[FillOut]
    reasons: list[ReasonOut]


class OrdersOut(msgspec.Struct):
    """Orders, oldest first."""

    orders: list[OrderOut]
    next_cursor: str | None


class MarginChangeOut(msgspec.Struct):
    """How the margin would change, USD."""

    initial: float | None
    maintenance: float | None


class PreviewOut(msgspec.Struct):
    """What an order would do; nothing was written."""

    accepted: bool
    reasons: list[ReasonOut]
    estimated_fill: float | None
    fees: float
    cash_change: float | None
    margin_change: MarginChangeOut
    buying_power_after: float | None


class EventOut(msgspec.Struct):
    """One event of a ledger; cash to the cent."""

    sequence: int
    id: str
    ts: datetime
    kind: str
    symbol: str | None
    quantity: int
    price: float | None
    cash: float
    order_id: str | None
    external_id: str | None


class LedgerOut(msgspec.Struct):
    """Events in order; `next_after_sequence` is null at the end."""

    events: list[EventOut]
    next_after_sequence: int | None


class ReportedIn(msgspec.Struct, forbid_unknown_fields=True):
    """A fact that somebody else reports, under its own name."""

    external_id: str
    ts: Aware
    kind: Literal["cash", "assignment", "exercise", "expiry", "dividend", "fee"]
    symbol: str | None = None
    quantity: Quantity | None = None
    amount: float | None = None


class EventsIn(msgspec.Struct, forbid_unknown_fields=True):
    """Facts to book."""

    events: list[ReportedIn]


class EventRejectionOut(msgspec.Struct):
    """A fact that was not booked."""

    index: int
    external_id: str
    detail: str


class EventsOut(msgspec.Struct):
    """What became of reported facts."""

    applied: int
    duplicates: int
    rejections: list[EventRejectionOut]


class HaltOut(msgspec.Struct):
    """The kill switch after the request."""

    halted: bool
