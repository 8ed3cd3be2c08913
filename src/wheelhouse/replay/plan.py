"""What a replay is told, and what it tells."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from wheelhouse.broker.paper import Fees
from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.account import AccountState
from wheelhouse.ledger.contracts import Contracts
from wheelhouse.ledger.events import LedgerEvent
from wheelhouse.ledger.orders import Order
from wheelhouse.replay.books import Explanation
from wheelhouse.strategy.policy import WheelPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """What is played.

    Attributes
    ----------
    symbols
        The names, all in one cash account.
    start, end
        Sessions from start (inclusive) to end (exclusive). The account is opened at the close of the first; trading begins the session
        after, so that wheel and buy-and-hold start from the same close.
    cash
        USD at the opening.
    cash_rate
        What idle cash earns, a decimal a year; None is the market's own short rate of each day.

    Raises
    ------
    InvalidInput
        If no name is given or one twice, the cash is not above 0, or there is no time between start and end.
    """

    symbols: tuple[str, ...]
    start: date
    end: date
    cash: Decimal
    policy: WheelPolicy = field(default_factory=WheelPolicy)
    fees: Fees = field(default_factory=Fees)
    cash_rate: float | None = 0.0

    def __post_init__(self) -> None:
        if not self.symbols or len(set(self.symbols)) != len(self.symbols):
            raise InvalidInput(f"symbols of a replay: {list(self.symbols)}; name at least one, each once")
        if not self.cash.is_finite() or self.cash <= 0:
            raise InvalidInput(f"cash of a replay must be above 0 USD, got {self.cash}")
        if self.start >= self.end:
            raise InvalidInput(f"a replay from {self.start} to {self.end} has no day; the end is exclusive")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDay:
    """One session, ended and proven.

    Attributes
    ----------
    equity, cash
        USD at the official closes and the closing quotes of options.
    at_work
        What the shares are worth and short puts are secured with, as a fraction of the equity.
    actions
        What was done, as ``sell_put AAPL``.
    """

    day: date
    equity: Decimal
    cash: Decimal
    at_work: float
    actions: tuple[str, ...]
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A replay that has ended.

    Attributes
    ----------
    dates
        Sessions, (n,); the account was opened at the close of the first.
    equity
        USD, (n,).
    interest
        What idle cash earned a day as a decimal, (n,); the first is 0.
    days
        The sessions after the first, (n - 1,).
    adjusted_closes
        By name, (n,).
    """

    plan: ReplayPlan
    dates: tuple[date, ...]
    equity: tuple[Decimal, ...]
    interest: tuple[float, ...]
    days: tuple[ReplayDay, ...]
    events: tuple[LedgerEvent, ...]
    orders: tuple[Order, ...]
    state: AccountState
    contracts: Contracts
    adjusted_closes: Mapping[str, tuple[float, ...]]

    @property
    def digest(self) -> str:
        """SHA-256 of the ledger: equal digests are equal replays."""
        text = "\n".join(
            f"{e.sequence}|{e.id}|{e.ts.isoformat()}|{e.symbol}|{e.quantity}|{e.price}|{e.cash}" for e in self.events
        )
        return hashlib.sha256(text.encode()).hexdigest()
