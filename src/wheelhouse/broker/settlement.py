"""What happens to options at the end of a day: expiry, assignment, exercise. A plan, from values, without a clock.

OCC exercises by exception what is 0.01 or more in the money at the official close, and so does the paper broker. Assignments and
exercises post at the open of the next session, cash and shares together, and are booked on trade date: the days that settlement
takes are not modelled. A contract whose price is not known is never taken for worthless; it is reported as unknown and stays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol

from wheelhouse.ledger.account import AccountState
from wheelhouse.ledger.booking import book_assignment, book_exercise, book_expiry
from wheelhouse.ledger.contracts import Contracts, contract_of, is_option
from wheelhouse.ledger.events import LedgerEvent
from wheelhouse.ledger.money import ZERO
from wheelhouse.market.instruments import Exercise, OptionContract, Right, Settlement, SettlementTime

EXERCISE_BY_EXCEPTION: Final = Decimal("0.01")

SettlementPrice = Callable[[str, date, SettlementTime], Decimal | None]
"""Official price of a symbol on a session: its close (PM) or its open (AM); None if unknown."""


class Sessions(Protocol):
    """What the plan asks of a trading calendar."""

    def close_at(self, day: date, /) -> datetime:
        """Close of a session."""

    def open_at(self, day: date, /) -> datetime:
        """Open of a session."""

    def next_session(self, day: date, /) -> date:
        """The session after a day."""

    def last_trading_day(self, expiry: date, /) -> date:
        """The last session on or before a day."""


class Outcome(StrEnum):
    """What becomes of a position in an option."""

    EXPIRED = "expired"
    ASSIGNED = "assigned"
    EXERCISED = "exercised"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSettlement:
    """The end of one position in an option.

    Attributes
    ----------
    quantity
        Signed contracts that end.
    intrinsic
        USD per share by which it was in the money, negative out of it; None if unknown or early.
    posts_at
        When its events take effect. Book them then, not before.
    events
        Without a sequence; none if the outcome is unknown.
    """

    symbol: str
    quantity: int
    outcome: Outcome
    session: date
    intrinsic: Decimal | None
    posts_at: datetime
    detail: str
    events: tuple[LedgerEvent, ...]


def plan_settlements(
    state: AccountState,
    *,
    session: date,
    sessions: Sessions,
    prices: SettlementPrice,
    contracts: Contracts,
    early: Mapping[str, str] | None = None,
    assignment_fee: Decimal = ZERO,
) -> tuple[OptionSettlement, ...]:
    """Plan the end of a session for the options of one account.

    Parameters
    ----------
    session
        The session that has closed. Contracts that ended before it and are still held are planned too, on their own day.
    early
        Short American contracts that are assigned early, each with the reason; whoever prices options decides which.
    assignment_fee
        USD per contract.

    Returns
    -------
    tuple of OptionSettlement
        By symbol. Planning again after the events were booked gives none: their ids depend on symbol, session and outcome alone.
    """
    planned = []
    for symbol, position in sorted(state.positions.items()):
        if not is_option(symbol):
            continue
        contract = contract_of(symbol, contracts)
        # AM contracts stop trading a session before the open that settles them.
        ends = contract.expiry if contract.settlement_time is SettlementTime.AM else contract.last_trading_day
        decided = sessions.last_trading_day(ends)
        if decided <= session:
            planned.append(_at_expiry(state, contract, decided, sessions, prices, contracts, assignment_fee))
        elif early and symbol in early and position.quantity < 0 and contract.exercise is Exercise.AMERICAN:
            planned.append(_early(state, contract, session, sessions, contracts, assignment_fee, early[symbol]))
    return tuple(planned)


def intrinsic_value(contract: OptionContract, day: date, prices: SettlementPrice) -> Decimal | None:
    """USD per share by which a contract is in the money, negative out of it; None if a price is unknown.

    An adjusted contract is worth what it delivers, shares and cash, against its strike.
    """
    if contract.settlement is Settlement.CASH:
        price = prices(contract.underlying, day, contract.settlement_time)
        if price is None:
            return None
        worth = price * contract.exercise_multiplier
    else:
        worth = contract.deliverable.cash
        for symbol, shares in contract.deliverable.shares:
            price = prices(symbol, day, contract.settlement_time)
            if price is None:
                return None
            worth += price * shares
    gain = worth / contract.exercise_multiplier - contract.strike
    return gain if contract.right is Right.CALL else -gain


def _at_expiry(
    state: AccountState,
    contract: OptionContract,
    day: date,
    sessions: Sessions,
    prices: SettlementPrice,
    contracts: Contracts,
    fee: Decimal,
) -> OptionSettlement:
    held = state.quantity(contract.symbol)
    closed = sessions.close_at(day)
    intrinsic = intrinsic_value(contract, day, prices)
    if intrinsic is None:
        return OptionSettlement(
            symbol=contract.symbol,
            quantity=held,
            outcome=Outcome.UNKNOWN,
            session=day,
            intrinsic=None,
            posts_at=closed,
            detail=f"no official price of {contract.underlying} on {day}; supply its daily bar and plan again",
            events=(),
        )
    if intrinsic < EXERCISE_BY_EXCEPTION:
        name = f"expiry/{day}/{contract.symbol}"
        return OptionSettlement(
            symbol=contract.symbol,
            quantity=held,
            outcome=Outcome.EXPIRED,
            session=day,
            intrinsic=intrinsic,
            posts_at=closed,
            detail="less than 0.01 in the money at the official close",
            events=book_expiry(state, contract.symbol, ts=closed, external_id=name),
        )
    outcome = Outcome.EXERCISED if held > 0 else Outcome.ASSIGNED
    posts_at = sessions.open_at(sessions.next_session(day))
    book = book_exercise if held > 0 else book_assignment
    events = book(
        state,
        contract.symbol,
        ts=posts_at,
        external_id=f"{'exercise' if held > 0 else 'assignment'}/{day}/{contract.symbol}",
        contracts=contracts,
        fee=fee * abs(held),
        settlement_price=prices(contract.underlying, day, contract.settlement_time),
        share_prices=_share_prices(contract, day, prices),
    )
    return OptionSettlement(
        symbol=contract.symbol,
        quantity=held,
        outcome=outcome,
        session=day,
        intrinsic=intrinsic,
        posts_at=posts_at,
        detail="0.01 or more in the money at the official close",
        events=events,
    )


def _early(
    state: AccountState,
    contract: OptionContract,
    day: date,
    sessions: Sessions,
    contracts: Contracts,
    fee: Decimal,
    reason: str,
) -> OptionSettlement:
    held = state.quantity(contract.symbol)
    posts_at = sessions.open_at(sessions.next_session(day))
    return OptionSettlement(
        symbol=contract.symbol,
        quantity=held,
        outcome=Outcome.ASSIGNED,
        session=day,
        intrinsic=None,
        posts_at=posts_at,
        detail=reason,
        events=book_assignment(
            state,
            contract.symbol,
            ts=posts_at,
            external_id=f"assignment/early/{day}/{contract.symbol}",
            contracts=contracts,
            fee=fee * abs(held),
        ),
    )


def _share_prices(contract: OptionContract, day: date, prices: SettlementPrice) -> dict[str, Decimal]:
    known = {symbol: prices(symbol, day, contract.settlement_time) for symbol, _ in contract.deliverable.shares}
    return {symbol: price for symbol, price in known.items() if price is not None}
