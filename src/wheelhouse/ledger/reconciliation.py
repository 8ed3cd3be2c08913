"""Compare an account with its broker's statement, and classify every difference.

A difference is explained when facts that the broker may know before us (an assignment that has not posted, a dividend on its way)
account for all of it; those facts are then to be booked, under ids that do not change when the comparison is repeated. Anything else
stays open, and an account with an open difference takes no new orders. What the statement does not say is unavailable, which is open
too: a failed query is not a flat position.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.account import AccountState
from wheelhouse.ledger.events import LedgerEvent
from wheelhouse.ledger.money import ZERO
from wheelhouse.ledger.positions import PositionState

PRICE_TOLERANCE: Final = Decimal("0.005")
"""USD per share by which average prices may differ: statements round them to the cent."""

PREMIUM_APART: Final = "premium_kept_apart"
UNKNOWN_BASIS: Final = "unknown_basis"


class DifferenceKind(StrEnum):
    """What differs."""

    QUANTITY = "quantity"
    AVERAGE_PRICE = "average_price"
    CASH = "cash"
    REALIZED_PNL = "realized_pnl"
    OPEN_ORDERS = "open_orders"
    UNAVAILABLE = "unavailable"


class DifferenceStatus(StrEnum):
    """Whether anything is left to find out."""

    EXPLAINED = "explained"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPosition:
    """A position as the broker states it; the average price in USD per share may be missing."""

    symbol: str
    quantity: int
    average_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerStatement:
    """What the broker says of one account.

    Attributes
    ----------
    cash, positions
        None if the broker did not answer.
    open_orders
        Ids; None if the statement does not list them.
    realized_pnl
        USD; None if the statement does not give it.
    """

    account_id: str
    cash: Decimal | None
    positions: tuple[StatementPosition, ...] | None
    open_orders: frozenset[str] | None = None
    realized_pnl: Decimal | None = None

    def __post_init__(self) -> None:
        symbols = [position.symbol for position in self.positions or ()]
        repeated = {symbol for symbol in symbols if symbols.count(symbol) > 1}
        if repeated:
            raise InvalidInput(
                f"statement of account {self.account_id} repeats {', '.join(sorted(repeated))}; give one line a symbol"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Events, not booked yet, that would account for a difference; the id is that of the fact."""

    id: str
    events: tuple[LedgerEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing on which the ledger and the statement disagree.

    Attributes
    ----------
    ours, theirs
        Quantities, USD, or for open orders the number that only one side has; None if unknown.
    explained_by
        Ids of the explanations, or a convention, joined by commas; None if open.
    """

    kind: DifferenceKind
    symbol: str | None
    ours: Decimal | None
    theirs: Decimal | None
    explained_by: str | None = None

    @property
    def status(self) -> DifferenceStatus:
        """Explained or open."""
        return DifferenceStatus.OPEN if self.explained_by is None else DifferenceStatus.EXPLAINED


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The differences of one account, and the events that those explained call for."""

    account_id: str
    differences: tuple[Difference, ...]
    events: tuple[LedgerEvent, ...]

    @property
    def reconciled(self) -> bool:
        """Whether nothing is open."""
        return all(difference.status is DifferenceStatus.EXPLAINED for difference in self.differences)


def compare(
    state: AccountState,
    statement: BrokerStatement,
    *,
    explanations: Iterable[Explanation] = (),
    open_orders: Collection[str] = (),
) -> Reconciliation:
    """Compare quantity, average price, cash, realised profit and open orders.

    Parameters
    ----------
    explanations
        Candidates, in the order in which they should be tried; each is taken if all of it fits what is still unexplained.
    open_orders
        Ids of our working orders of this account.

    Raises
    ------
    InvalidInput
        If the statement is of another account.
    """
    if statement.account_id != state.account_id:
        raise InvalidInput(f"statement of account {statement.account_id} compared with account {state.account_id}")
    candidates = tuple(explanations)
    differences: list[Difference] = []
    taken: list[Explanation] = []
    if statement.positions is None:
        differences.append(_unavailable("positions"))
    else:
        stated = {position.symbol: position for position in statement.positions}
        taken, quantities = _quantities(state, stated, candidates)
        differences += quantities
        differing = {difference.symbol for difference in quantities}
        differences += _average_prices(state, stated, skip=differing)
    if statement.cash is None:
        differences.append(_unavailable("cash"))
    else:
        payments, difference = _cash(state.cash, statement.cash, taken, candidates)
        taken += payments
        differences += difference
    if statement.realized_pnl is not None and statement.realized_pnl != state.realized:
        differences.append(
            Difference(
                kind=DifferenceKind.REALIZED_PNL, symbol=None, ours=state.realized, theirs=statement.realized_pnl
            )
        )
    if statement.open_orders is not None:
        ours, theirs = set(open_orders) - statement.open_orders, statement.open_orders - set(open_orders)
        if ours or theirs:
            differences.append(
                Difference(
                    kind=DifferenceKind.OPEN_ORDERS, symbol=None, ours=Decimal(len(ours)), theirs=Decimal(len(theirs))
                )
            )
    events = tuple(event for explanation in taken for event in explanation.events)
    return Reconciliation(account_id=state.account_id, differences=tuple(differences), events=events)


def _quantities(
    state: AccountState, stated: Mapping[str, StatementPosition], explanations: Iterable[Explanation]
) -> tuple[list[Explanation], list[Difference]]:
    theirs = {symbol: position.quantity for symbol, position in stated.items()}
    symbols = sorted({*theirs, *state.positions})
    gaps = {symbol: theirs.get(symbol, 0) - state.quantity(symbol) for symbol in symbols}
    residual = {symbol: gap for symbol, gap in gaps.items() if gap}
    taken: list[Explanation] = []
    for explanation in explanations:
        moves = _moves(explanation)
        if moves and all(_fits(move, residual.get(symbol, 0)) for symbol, move in moves.items()):
            taken.append(explanation)
            for symbol, move in moves.items():
                residual[symbol] -= move
    differences = [
        Difference(
            kind=DifferenceKind.QUANTITY,
            symbol=symbol,
            ours=Decimal(state.quantity(symbol)),
            theirs=Decimal(theirs.get(symbol, 0)),
            explained_by=None if residual[symbol] else _names([e for e in taken if symbol in _moves(e)]),
        )
        for symbol, gap in gaps.items()
        if gap
    ]
    return taken, differences


def _cash(
    ours: Decimal, theirs: Decimal, taken: Iterable[Explanation], candidates: Iterable[Explanation]
) -> tuple[list[Explanation], list[Difference]]:
    """Account for the cash by what explained the quantities, then by candidates that move cash alone, all or none of them."""
    behind = [explanation for explanation in taken if _paid(explanation)]
    residual = theirs - ours - sum((_paid(explanation) for explanation in behind), ZERO)
    payments: list[Explanation] = []
    for explanation in candidates:
        paid = _paid(explanation)
        if paid and not _moves(explanation) and (paid > 0) == (residual > 0) and abs(paid) <= abs(residual):
            payments.append(explanation)
            residual -= paid
    if residual:
        return [], [Difference(kind=DifferenceKind.CASH, symbol=None, ours=ours, theirs=theirs)]
    if ours == theirs:
        return payments, []
    because = _names([*behind, *payments])
    return payments, [Difference(kind=DifferenceKind.CASH, symbol=None, ours=ours, theirs=theirs, explained_by=because)]


def _average_prices(
    state: AccountState, stated: Mapping[str, StatementPosition], skip: Collection[str | None]
) -> list[Difference]:
    differences = []
    for symbol, position in sorted(stated.items()):
        ours = state.positions.get(symbol)
        if symbol in skip or ours is None or position.average_price is None:
            continue
        if not _close(ours.tax_basis, position.average_price):
            differences.append(
                Difference(
                    kind=DifferenceKind.AVERAGE_PRICE,
                    symbol=symbol,
                    ours=ours.tax_basis,
                    theirs=position.average_price,
                    explained_by=_convention(ours, position.average_price),
                )
            )
    return differences


def _convention(ours: PositionState, theirs: Decimal) -> str | None:
    """Name the convention by which the broker's average price is the same fact as ours."""
    if not ours.is_known:
        return UNKNOWN_BASIS
    return PREMIUM_APART if _close(ours.purchase_price, theirs) else None


def _moves(explanation: Explanation) -> dict[str, int]:
    moves: dict[str, int] = {}
    for event in explanation.events:
        if event.symbol is not None and event.quantity:
            moves[event.symbol] = moves.get(event.symbol, 0) + event.quantity
    return {symbol: move for symbol, move in moves.items() if move}


def _paid(explanation: Explanation) -> Decimal:
    return sum((event.cash for event in explanation.events), ZERO)


def _fits(move: int, gap: int) -> bool:
    return (move > 0) == (gap > 0) and abs(move) <= abs(gap)


def _close(ours: Decimal | None, theirs: Decimal) -> bool:
    return ours is not None and abs(ours - theirs) <= PRICE_TOLERANCE


def _names(explanations: Iterable[Explanation]) -> str:
    return ",".join(explanation.id for explanation in explanations)


def _unavailable(what: str) -> Difference:
    return Difference(kind=DifferenceKind.UNAVAILABLE, symbol=what, ours=None, theirs=None)
