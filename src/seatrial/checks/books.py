"""What the books must add up to, whatever happened before: cash and positions are what the ledger's events say."""

from collections import Counter
from collections.abc import Sequence

from seatrial.target.records import Account, LedgerEvent

#: Characters of an OSI symbol; equities are shorter.
OSI_LENGTH = 21


def multiplier(symbol: str) -> int:
    """Shares that a price is for: 100 of a listed option, 1 of an equity."""
    return 100 if len(symbol) == OSI_LENGTH else 1


def books_gap(account: Account, ledger: Sequence[LedgerEvent]) -> float:
    """USD of an account that its ledger, read from the first event on, does not explain.

    A share or contract too many or too few counts as a dollar each, so that nothing hides behind a zero price; so does a gap in
    the sequence, or an event that is there twice.
    """
    cash = sum(round((event.cash or 0.0) * 100) for event in ledger)
    gap = abs(cash - round(account.cash * 100)) / 100
    counted: Counter[str] = Counter()
    for event in ledger:
        if event.symbol is not None and event.quantity:
            counted[event.symbol] += event.quantity
    held = {position.symbol: position.quantity for position in account.positions}
    gap += sum(abs(counted[symbol] - held.get(symbol, 0)) for symbol in counted.keys() | held.keys())
    if [event.sequence for event in ledger] != list(range(1, len(ledger) + 1)):
        gap += 1.0
    return gap + len(ledger) - len({event.id for event in ledger})
