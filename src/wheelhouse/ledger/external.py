"""Facts that somebody else reports: deposits, fees, dividends, assignments, exercises and expiries, each under its own name.

The name makes them idempotent: reported again with the same body a fact is a duplicate, with another body a conflict.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from wheelhouse.errors import Conflict, InvalidInput
from wheelhouse.ledger.account import AccountState
from wheelhouse.ledger.booking import Events, book_assignment, book_cash, book_exercise, book_expiry
from wheelhouse.ledger.contracts import Contracts
from wheelhouse.ledger.events import EventKind

REPORTED_KINDS: Final = (
    EventKind.CASH,
    EventKind.ASSIGNMENT,
    EventKind.EXERCISE,
    EventKind.EXPIRY,
    EventKind.DIVIDEND,
    EventKind.FEE,
    EventKind.INTEREST,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalEvent:
    """A reported fact.

    Attributes
    ----------
    symbol
        Normalised; needed for assignment, exercise and expiry.
    quantity
        Number of contracts, whatever its sign; None for all that are held.
    amount
        USD in total: signed for cash, dividends and interest; of a fee what is paid, whatever its sign. For assignment and exercise
        of contracts that settle in cash, the settlement price of the underlying.
    """

    external_id: str
    ts: datetime
    kind: EventKind
    symbol: str | None = None
    quantity: int | None = None
    amount: Decimal | None = None

    def __post_init__(self) -> None:
        if not self.external_id:
            raise InvalidInput("external_id is empty; it is the name under which the fact is known")
        if self.ts.tzinfo is None:
            raise InvalidInput(f"event {self.external_id}: ts {self.ts} has no time zone")
        if self.kind not in REPORTED_KINDS:
            allowed = ", ".join(kind.value for kind in REPORTED_KINDS)
            raise InvalidInput(
                f"event {self.external_id}: kind {self.kind.value!r} cannot be reported; use one of {allowed}"
            )
        if self.kind in (EventKind.ASSIGNMENT, EventKind.EXERCISE, EventKind.EXPIRY):
            if self.symbol is None:
                raise InvalidInput(f"event {self.external_id}: {self.kind.value} needs the symbol of the option")
        elif self.amount is None:
            raise InvalidInput(f"event {self.external_id}: {self.kind.value} needs an amount in USD")

    @property
    def fingerprint(self) -> str:
        """Digest of the body: equal exactly for reports that say the same."""
        amount = None if self.amount is None else str(self.amount.normalize())
        body = (self.ts.astimezone(UTC).isoformat(), self.kind.value, self.symbol, self.quantity, amount)
        return hashlib.sha256(repr(body).encode()).hexdigest()[:32]


def is_duplicate(state: AccountState, report: ExternalEvent) -> bool:
    """Tell whether the account already contains the fact.

    Raises
    ------
    Conflict
        If it contains another fact under this name.
    """
    known = state.external_ids.get(report.external_id)
    if known is None:
        return False
    if known != report.fingerprint:
        raise Conflict(
            f"account {state.account_id}: external_id {report.external_id!r} is known with another body; "
            "report a different fact under a different name"
        )
    return True


def book_external(
    state: AccountState, report: ExternalEvent, contracts: Contracts, *, assignment_fee: Decimal
) -> Events:
    """Make events of a reported fact; none if the account already contains it.

    Parameters
    ----------
    assignment_fee
        USD per assigned or exercised contract.

    Raises
    ------
    Conflict
        If the name is known with another body.
    InvalidInput
        If the account does not hold what the fact closes.
    """
    if is_duplicate(state, report):
        return ()
    symbol, external_id, ts = report.symbol, report.external_id, report.ts
    if report.kind in (EventKind.ASSIGNMENT, EventKind.EXERCISE) and symbol is not None:
        count = abs(state.quantity(symbol)) if report.quantity is None else abs(report.quantity)
        book = book_assignment if report.kind is EventKind.ASSIGNMENT else book_exercise
        events = book(
            state,
            symbol,
            ts=ts,
            external_id=external_id,
            contracts=contracts,
            quantity=count,
            fee=assignment_fee * count,
            settlement_price=report.amount,
        )
    elif report.kind is EventKind.EXPIRY and symbol is not None:
        events = book_expiry(state, symbol, ts=ts, external_id=external_id, quantity=report.quantity)
    else:
        amount = report.amount or Decimal(0)
        events = book_cash(
            state,
            -abs(amount) if report.kind is EventKind.FEE else amount,
            ts=ts,
            external_id=external_id,
            kind=report.kind,
            symbol=symbol,
        )
    # The fold keeps the first fingerprint under each name, so the first event alone carries it.
    first = replace(events[0], detail={**events[0].detail, "fingerprint": report.fingerprint})
    return (first, *events[1:])
