"""What is asked of the order desk, and what it answers."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from wheelhouse.advisor.valuation import Requirement
from wheelhouse.errors import Conflict, InvalidInput
from wheelhouse.ledger.orders import Effect, OrderType, Reason, TimeInForce


class KeyReused(InvalidInput):
    """An idempotency key came with another body than the first time."""


class InFlight(Conflict):
    """A request under the same idempotency key has not been answered yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order as somebody wants it; legs with any spelling of the symbols."""

    legs: tuple[tuple[str, int], ...]
    type: OrderType = OrderType.LIMIT
    limit_price: Decimal | None = None
    effect: Effect | None = None
    time_in_force: TimeInForce = TimeInForce.DAY

    @property
    def fingerprint(self) -> str:
        """Digest of the body: equal exactly for requests that ask for the same."""
        price = None if self.limit_price is None else str(self.limit_price.normalize())
        body = (self.legs, self.type.value, price, self.effect and self.effect.value, self.time_in_force.value)
        return hashlib.sha256(repr(body).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request was answered: the HTTP status and the body, as it is stored."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an order would do; USD. None where no market says.

    Attributes
    ----------
    estimated_fill
        Net per share of one unit at the present market, credits positive.
    cash_change
        At that net, after fees.
    """

    accepted: bool
    reasons: tuple[Reason, ...]
    estimated_fill: Decimal | None
    fees: Decimal
    cash_change: Decimal | None
    margin_change: Requirement | None
    buying_power_after: Decimal | None
