"""How a paper order fills: declared models, because every simulated result depends on this choice.

`NaturalFill`
    The default. A sale fills at the bid, a purchase at the ask, in any size. What a patient trader gets is often better.
`SizedNaturalFill`
    The same prices, at most the displayed size at each new quote; orders fill in parts.
`MidpointFill`
    The middle of the market, rounded against the order. Optimistic; for comparison only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import isfinite
from typing import Final, Protocol

from wheelhouse.ledger.orders import Leg

PRICE_STEP: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteView:
    """What a broker sees of one symbol's market. A None is unknown, a 0 bid is a zero bid.

    Attributes
    ----------
    bid, ask
        USD per share.
    bid_size, ask_size
        Contracts or shares displayed.
    """

    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    ts: datetime
    bid_size: int | None = None
    ask_size: int | None = None

    @classmethod
    def of(
        cls,
        symbol: str,
        bid: float | None,
        ask: float | None,
        ts: datetime,
        bid_size: float | None = None,
        ask_size: float | None = None,
    ) -> "QuoteView":
        """Read a quote of floats, as frames hold it; NaN is unknown."""
        return cls(
            symbol=symbol,
            bid=_decimal(bid),
            ask=_decimal(ask),
            ts=ts,
            bid_size=None if bid_size is None or not isfinite(bid_size) else int(bid_size),
            ask_size=None if ask_size is None or not isfinite(ask_size) else int(ask_size),
        )

    @property
    def is_crossed(self) -> bool:
        """Whether the bid lies above the ask, which no one can trade at."""
        return self.bid is not None and self.ask is not None and self.bid > self.ask


class FillModel(Protocol):
    """Prices and sizes at which legs fill."""

    @property
    def name(self) -> str:
        """What reports call the model."""

    def price(self, quote: QuoteView, quantity: int) -> Decimal | None:
        """USD per share at which a signed quantity fills; None where that side has no market."""

    def units(self, legs: Sequence[Leg], quotes: Sequence[QuoteView], units: int) -> int:
        """How many of the order's remaining units fill at these quotes."""


@dataclass(frozen=True, slots=True)
class NaturalFill:
    """Sell at the bid, buy at the ask, in any size."""

    name: str = "natural"

    def price(self, quote: QuoteView, quantity: int) -> Decimal | None:
        """USD per share: the ask of a purchase, the bid of a sale; None without one, or at 0."""
        side = quote.ask if quantity > 0 else quote.bid
        return side or None

    def units(self, legs: Sequence[Leg], quotes: Sequence[QuoteView], units: int) -> int:  # noqa: ARG002
        """All of them."""
        return units


@dataclass(frozen=True, slots=True)
class SizedNaturalFill:
    """Sell at the bid, buy at the ask, at most the displayed size of the scarcest leg; an unknown size is none."""

    name: str = "natural_sized"

    def price(self, quote: QuoteView, quantity: int) -> Decimal | None:
        """USD per share, as of `NaturalFill`."""
        return NaturalFill().price(quote, quantity)

    def units(self, legs: Sequence[Leg], quotes: Sequence[QuoteView], units: int) -> int:
        """As many whole units as every leg's displayed size holds."""
        for leg, quote in zip(legs, quotes, strict=True):
            size = (quote.ask_size if leg.quantity > 0 else quote.bid_size) or 0
            per_unit = abs(leg.quantity) // max(units, 1)
            units = min(units, size // per_unit) if per_unit else units
        return units


@dataclass(frozen=True, slots=True)
class MidpointFill:
    """Fill in the middle of a two-sided market, rounded to the cent against the order, in any size."""

    name: str = "midpoint"

    def price(self, quote: QuoteView, quantity: int) -> Decimal | None:
        """USD per share; None unless both sides are quoted."""
        if quote.bid is None or not quote.ask:
            return None
        middle = (quote.bid + quote.ask) / 2
        rounded = middle.quantize(PRICE_STEP, rounding=ROUND_CEILING if quantity > 0 else ROUND_FLOOR)
        return rounded if rounded > 0 else None

    def units(self, legs: Sequence[Leg], quotes: Sequence[QuoteView], units: int) -> int:  # noqa: ARG002
        """All of them."""
        return units


def _decimal(value: float | None) -> Decimal | None:
    # Through a rounded text, so that 1.1 is 1.1 and not a binary neighbour that arithmetic has left.
    return None if value is None or not isfinite(value) else Decimal(str(round(value, 6)))
