"""The events of which an account consists.

An account is the fold of its events and nothing else: at any time the sum of `cash` is its cash and, for each symbol, the sum of
`quantity` is its position. Hence the conventions

========================  ==================================================================================================
kind                      what it carries
========================  ==================================================================================================
cash                      deposit (+) or withdrawal (-); the opening cash is the first event of an account
order                     intent, recorded before anything is filled: no quantity, no cash
fill                      signed quantity, price per share, cash = -quantity x price x premium multiplier, without the fee
fee                       cash only, negative; `detail["of"]` names the event that it belongs to
assignment, exercise      one event closes the option (cash 0 unless it settles in cash), one for each delivered symbol carries
                          shares and cash; `detail["option_event"]` ties them together
expiry                    closes the option, cash 0
dividend, interest        cash only
split                     quantity deltas; options that get another symbol leave the old one and enter the new one
adjustment                a position or terms that changed without a trade; opening positions, price = cost basis
reconciliation            makes the ledger agree with the broker's statement, explained or reviewed; or, without quantity and
                          cash, says that a comparison began or ceased to leave differences open
========================  ==================================================================================================
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.money import CENT, ZERO

UNSEQUENCED = 0
"""Sequence of an event that has not been appended to an account yet."""

STATEMENT: Final = "statement"
AGREES: Final = "agrees"
DISAGREES: Final = "disagrees"
"""Key and values of the detail of a reconciliation that says only how a comparison with the broker's statement ended."""


class EventKind(StrEnum):
    """What happened."""

    CASH = "cash"
    ORDER = "order"
    FILL = "fill"
    ASSIGNMENT = "assignment"
    EXERCISE = "exercise"
    EXPIRY = "expiry"
    DIVIDEND = "dividend"
    SPLIT = "split"
    ADJUSTMENT = "adjustment"
    FEE = "fee"
    INTEREST = "interest"
    RECONCILIATION = "reconciliation"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEvent:
    """One fact about one account.

    Attributes
    ----------
    sequence
        Position in the account's history, from 1 without a gap; `UNSEQUENCED` until appended.
    id
        Unique in the account, and the same whenever the same fact is booked again.
    ts
        When it took effect, aware.
    symbol
        Equity or padded OSI symbol, None for cash of the whole account.
    quantity
        Signed change of the position in contracts or shares.
    price
        USD per share (premium units for options), None where there is none.
    cash
        Signed change of the cash in USD, whole cents.
    external_id
        The broker's or client's name of the fact; all events that it caused carry it.
    detail
        Short texts that explain the event or tie it to another one.
    """

    id: str
    account_id: str
    ts: datetime
    kind: EventKind
    symbol: str | None = None
    quantity: int = 0
    price: Decimal | None = None
    cash: Decimal = ZERO
    order_id: str | None = None
    external_id: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict, hash=False)
    sequence: int = UNSEQUENCED

    def __post_init__(self) -> None:
        if self.ts.tzinfo is None:
            raise InvalidInput(f"event {self.id}: ts {self.ts} has no time zone")
        if not self.cash.is_finite() or self.cash % CENT:
            raise InvalidInput(
                f"event {self.id}: cash {self.cash} is not a whole number of cents; round it once where it arises"
            )
        if self.price is not None and not self.price.is_finite():
            raise InvalidInput(f"event {self.id}: price {self.price} is not finite")
        if self.quantity and self.symbol is None:
            raise InvalidInput(f"event {self.id}: quantity {self.quantity} of no symbol")
        if self.sequence < 0:
            raise InvalidInput(f"event {self.id}: sequence {self.sequence} is negative; sequences start at 1")


def sequenced(events: Iterable[LedgerEvent], after: int) -> tuple[LedgerEvent, ...]:
    """Number the events for appending to an account whose last sequence is `after` (0: none)."""
    return tuple(replace(event, sequence=after + place) for place, event in enumerate(events, start=1))
