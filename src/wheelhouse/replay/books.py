"""The books of a replay, and the proof of them on every day.

On each day three things must hold to the cent, each computed from the events alone and compared with the folded account: cash is
the sum of the events' cash, every position the sum of its quantities, and the change of equity the sum of what the day's events and
the day's prices did to it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from wheelhouse.errors import WheelhouseError
from wheelhouse.ledger.account import AccountState, apply_all
from wheelhouse.ledger.contracts import multiplier_of
from wheelhouse.ledger.events import LedgerEvent, sequenced
from wheelhouse.ledger.money import ZERO, cents
from wheelhouse.market.instruments import OptionContract


class LedgerMismatch(WheelhouseError):  # noqa: N818 - named for what a caller catches
    """The books of a replayed day do not add up; the message names the day and the difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """An account at the marks of one evening.

    Attributes
    ----------
    equity
        Cash plus positions at their marks, USD, whole cents.
    quantities
        Signed, by symbol, of the folded account.
    marks
        USD per share, of every symbol held.
    """

    equity: Decimal
    quantities: Mapping[str, int] = field(default_factory=dict)
    marks: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why the equity of one evening is not that of the evening before. USD.

    Attributes
    ----------
    market
        What prices did to the positions of the evening, from the marks of the evening before. A position that is new is valued at its
        first mark from the start, so that its event carries the whole difference to what was paid.
    events
        What the day's events did, by kind, at the marks of the evening before: a fill its distance from the mark, an assignment its
        distance from the strike, a split nothing.
    """

    day: date
    before: Decimal
    after: Decimal
    market: Decimal
    events: Mapping[str, Decimal]

    @property
    def difference(self) -> Decimal:
        """What is not explained, USD, whole cents."""
        return cents(self.after - self.before - self.market - sum(self.events.values(), Decimal(0)))


class Books:
    """The ledger of one replayed account: the events, their fold, and tallies that know nothing of the fold."""

    def __init__(self, account_id: str) -> None:
        self.contracts: dict[str, OptionContract] = {}
        self.events: list[LedgerEvent] = []
        self.state = AccountState(account_id=account_id)
        self._cash = ZERO
        self._quantities: defaultdict[str, int] = defaultdict(int)

    def append(self, events: Sequence[LedgerEvent]) -> None:
        """Append events to the ledger."""
        if not events:
            return
        added = sequenced(events, self.state.sequence)
        self.state = apply_all(self.state, added, self.contracts)
        self.events += added
        for event in added:
            self._cash += event.cash
            if event.symbol is not None:
                self._quantities[event.symbol] += event.quantity

    def value(self, marks: Mapping[str, Decimal]) -> Valuation:
        """Value the folded account at marks of every symbol that it holds."""
        quantities = {symbol: position.quantity for symbol, position in self.state.positions.items()}
        worth = sum((self._worth(symbol, q, marks[symbol]) for symbol, q in quantities.items()), ZERO)
        return Valuation(equity=self.state.cash + worth, quantities=quantities, marks=dict(marks))

    def prove(self, day: date, before: Valuation, after: Valuation, events: Sequence[LedgerEvent]) -> Explanation:
        """Check the books of a day against its events.

        Raises
        ------
        LedgerMismatch
            If cash, a position, the identity of the accounts or the equity is off by a cent.
        """
        problems = []
        if self.state.cash != self._cash:
            problems.append(f"cash is {self.state.cash}, its events add up to {self._cash}")
        for symbol in sorted({*self._quantities, *self.state.positions}):
            held, summed = self.state.quantity(symbol), self._quantities[symbol]
            if held != summed:
                problems.append(f"the position in {symbol} is {held}, its events add up to {summed}")
        if self.state.imbalance:
            problems.append(f"cash and costs differ from what was deposited and earned by {self.state.imbalance}")
        explained = self._explain(day, before, after, events)
        if explained.difference:
            problems.append(
                f"equity went from {before.equity} to {after.equity}, of which {explained.difference} is unexplained"
            )
        if problems:
            raise LedgerMismatch(f"the books of {day} do not add up: {'; '.join(problems)}")
        return explained

    def _explain(self, day: date, before: Valuation, after: Valuation, events: Iterable[LedgerEvent]) -> Explanation:
        marks = dict(before.marks)
        moved: dict[str, Decimal] = {}
        by_kind: defaultdict[str, Decimal] = defaultdict(Decimal)
        quantities: defaultdict[str, int] = defaultdict(int, before.quantities)
        for event in events:
            change = event.cash
            if event.symbol is not None and event.quantity:
                symbol = event.symbol
                marks.setdefault(symbol, after.marks.get(symbol, event.price or ZERO))
                held = quantities[symbol]
                value = self._exact_worth(symbol, held, marks[symbol])
                quantities[symbol] += event.quantity
                if "ratio" in event.detail:
                    ratio = Fraction(event.detail["ratio"])
                    marks[symbol] = marks[symbol] * ratio.denominator / ratio.numerator
                elif "to" in event.detail:
                    moved[event.id] = value
                elif event.detail.get("from_event") in moved:
                    worth = moved.pop(event.detail["from_event"])
                    marks[symbol] = worth / self._exact_worth(symbol, event.quantity, Decimal(1))
                    value = self._exact_worth(symbol, held, marks[symbol])
                change += self._exact_worth(symbol, quantities[symbol], marks[symbol]) - value
            if change:
                by_kind[event.kind.value] += change
        market = sum(
            (
                self._exact_worth(symbol, quantity, after.marks.get(symbol, marks[symbol]) - marks[symbol])
                for symbol, quantity in quantities.items()
                if quantity
            ),
            Decimal(0),
        )
        return Explanation(day=day, before=before.equity, after=after.equity, market=market, events=dict(by_kind))

    def _worth(self, symbol: str, quantity: int, mark: Decimal) -> Decimal:
        return cents(self._exact_worth(symbol, quantity, mark))

    def _exact_worth(self, symbol: str, quantity: int, mark: Decimal) -> Decimal:
        return quantity * mark * multiplier_of(symbol, self.contracts)
