"""What the strategy sees: an account and a market at one moment, as plain values.

Whoever holds the books and the quotes makes these; the strategy asks nobody. `now` is an argument beside them, so the same views
give the same advice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.orders import Leg
from wheelhouse.market.events import Terms
from wheelhouse.market.instruments import AccountKind, OptionContract, Right
from wheelhouse.pricing.valuation import ValuedChain

DataState = Literal["fresh", "stale", "missing"]

ROUND_LOT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingView:
    """A position as the strategy sees it.

    Attributes
    ----------
    symbol
        Equity symbol, or padded OSI symbol.
    quantity
        Signed shares or contracts; positive is long.
    contract
        The option's terms; None for shares.
    tax_basis
        USD per share after the fees of opening; of a short option the premium received, positive. None if unknown.
    campaign_basis
        USD per share by the campaign's accounting; None if unknown.
    """

    symbol: str
    quantity: int
    contract: OptionContract | None = None
    tax_basis: Decimal | None = None
    campaign_basis: Decimal | None = None

    @property
    def underlying(self) -> str:
        """Symbol of the shares, or of those that the option is on."""
        return self.contract.underlying if self.contract else self.symbol

    @property
    def is_short_option(self) -> bool:
        """Whether this is a sold option."""
        return self.contract is not None and self.quantity < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """An account as the strategy sees it.

    Attributes
    ----------
    cash
        USD, as the ledger says.
    equity
        USD, cash plus the marks of all positions.
    buying_power
        USD that new risk may use: what working orders and open short options need is off already.
    working
        What is left of the legs of working orders.
    halted
        Whether the account may not send orders.
    """

    id: str
    kind: AccountKind
    cash: Decimal
    equity: Decimal
    buying_power: Decimal
    positions: tuple[HoldingView, ...] = ()
    working: tuple[Leg, ...] = ()
    halted: bool = False

    def of(self, underlying: str) -> tuple[HoldingView, ...]:
        """Positions in one underlying and its options, sorted by symbol; empty ones are left out."""
        return tuple(
            sorted((p for p in self.positions if p.underlying == underlying and p.quantity), key=lambda p: p.symbol)
        )

    def shares(self, underlying: str) -> int:
        """Shares held of one underlying, signed."""
        return sum(p.quantity for p in self.of(underlying) if p.contract is None)

    def secured_by_cash(self) -> Decimal:
        """USD that all short puts pay if they are assigned."""
        puts = (p for p in self.positions if p.is_short_option and p.contract and p.contract.right is Right.PUT)
        return sum((put_obligation(p) for p in puts), Decimal(0))


def put_obligation(put: HoldingView) -> Decimal:
    """USD that a short put pays if it is assigned: strike x exercise multiplier x contracts.

    Raises
    ------
    InvalidInput
        If the holding is not an option.
    """
    if put.contract is None:
        raise InvalidInput(f"{put.symbol} is not an option: only an option is assigned")
    return put.contract.strike * put.contract.exercise_multiplier * -put.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderlyingView:
    """The market of one underlying as the strategy sees it.

    Attributes
    ----------
    chain
        The valued chain; None if there is none.
    state
        Whether the underlying's quote is fresh, stale or missing, by session time.
    age_seconds
        Session time since the quote; None if missing.
    terms
        Dividends and earnings among them.
    iv_rank
        From 0 to 1, of the last year; None if unknown.
    """

    symbol: str
    chain: ValuedChain | None
    state: DataState
    age_seconds: float | None
    terms: Terms = field(default_factory=Terms)
    iv_rank: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """The underlyings that advice is asked for, by symbol."""

    underlyings: Mapping[str, UnderlyingView]

    @classmethod
    def of(cls, *underlyings: UnderlyingView) -> "MarketView":
        """Make a view of the given underlyings."""
        return cls(underlyings={u.symbol: u for u in underlyings})
