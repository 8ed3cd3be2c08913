"""Positions as lots, closed first in first out, with costs that stay exact to the cent.

A lot's cost is the cash paid for it: positive for long lots, negative (cash received) for short ones, so that one rule covers both
sides: the realised profit of a closing is its cash minus the cost of what it closes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from wheelhouse.ledger.money import ZERO, cents, share_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Part of a position that was opened at once.

    Attributes
    ----------
    id
        The event that opened it.
    quantity
        Signed contracts or shares.
    cost
        USD paid (+) or received (-) for the lot after fees, less the net premium of the option that delivered it: the tax cost.
    purchase_cost
        The same without that premium.
    known
        False if it came into the account without a cost basis; the costs then hold only its later fees.
    """

    id: str
    opened_at: datetime
    quantity: int
    cost: Decimal
    purchase_cost: Decimal
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionState:
    """A holding of one symbol, never flat.

    Attributes
    ----------
    underlying
        Whose cycle it belongs to.
    multiplier
        USD of cash for one unit of quantity and one USD of price.
    lots
        Oldest first, all of one sign.
    opened_at
        When the position was last flat before it.
    campaign_basis
        USD per share: (cost of the shares - net premium of all closed, expired and assigned options of the cycle) / shares, after
        fees. None for options and where a cost is unknown.
    """

    symbol: str
    underlying: str
    multiplier: int
    lots: tuple[Lot, ...]
    opened_at: datetime
    campaign_basis: Decimal | None = None

    @property
    def quantity(self) -> int:
        """Signed contracts or shares."""
        return sum(lot.quantity for lot in self.lots)

    @property
    def cost(self) -> Decimal:
        """USD paid (+) or received (-) for what is held, by the tax cost."""
        return sum((lot.cost for lot in self.lots), ZERO)

    @property
    def purchase_cost(self) -> Decimal:
        """USD paid (+) or received (-) for what is held, without premiums of options that delivered it."""
        return sum((lot.purchase_cost for lot in self.lots), ZERO)

    @property
    def is_known(self) -> bool:
        """Whether the cost of every lot is known."""
        return all(lot.known for lot in self.lots)

    @property
    def tax_basis(self) -> Decimal | None:
        """USD per share after fees: paid if long, received if short, both positive. None if a lot's cost is unknown.

        Shares of an assigned put count (strike x exercise multiplier - net premium of that put) / shares.
        """
        return self.cost / (self.quantity * self.multiplier) if self.is_known else None

    @property
    def purchase_price(self) -> Decimal | None:
        """USD per share as `tax_basis`, without the premium of options that delivered the shares."""
        return self.purchase_cost / (self.quantity * self.multiplier) if self.is_known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """What a change of quantity leaves and realises.

    Attributes
    ----------
    lots
        The lots after it.
    realized, purchase_realized
        Profit of what was closed, by tax cost and by purchase cost; lots of unknown cost excluded.
    unknown_proceeds
        Cash of closing lots of unknown cost, less their later fees.
    known
        False if something of unknown cost was closed.
    """

    lots: tuple[Lot, ...]
    realized: Decimal = ZERO
    purchase_realized: Decimal = ZERO
    unknown_proceeds: Decimal = ZERO
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Consideration:
    """Cash received (+) or paid (-) for a whole change of quantity, as tax and as purchase see it.

    It is not `known` where it holds the premium of an option whose cost is unknown.
    """

    cash: Decimal
    purchase_cash: Decimal
    known: bool = True


def trade(
    lots: Sequence[Lot], *, event_id: str, ts: datetime, quantity: int, consideration: Consideration | None
) -> Traded:
    """Close lots of the other sign, oldest first, then open one lot with the rest of the quantity.

    Parameters
    ----------
    consideration
        None moves the quantity without a price: closed lots leave at their cost, an opened lot's cost is unknown.
    """
    remaining = quantity
    rest = consideration
    kept: list[Lot] = []
    realized = purchase_realized = unknown = ZERO
    known = True
    for lot in lots:
        if remaining == 0 or (lot.quantity > 0) == (remaining > 0):
            kept.append(lot)
            continue
        part = min(abs(lot.quantity), abs(remaining)) * (1 if lot.quantity > 0 else -1)
        cost = share_of(lot.cost, part, lot.quantity)
        purchase_cost = share_of(lot.purchase_cost, part, lot.quantity)
        if rest is not None:
            cash = share_of(rest.cash, -part, remaining)
            purchase_cash = share_of(rest.purchase_cash, -part, remaining)
            rest = replace(rest, cash=rest.cash - cash, purchase_cash=rest.purchase_cash - purchase_cash)
            if lot.known and rest.known:
                realized += cash - cost
                purchase_realized += purchase_cash - purchase_cost
            else:
                unknown += cash - cost
                known = False
        remaining += part
        if part != lot.quantity:
            kept.append(
                replace(
                    lot,
                    quantity=lot.quantity - part,
                    cost=lot.cost - cost,
                    purchase_cost=lot.purchase_cost - purchase_cost,
                )
            )
    if remaining:
        opened = rest or Consideration(cash=ZERO, purchase_cash=ZERO, known=False)
        kept.append(
            Lot(
                id=event_id,
                opened_at=ts,
                quantity=remaining,
                cost=-opened.cash,
                purchase_cost=-opened.purchase_cash,
                known=opened.known,
            )
        )
    return Traded(
        lots=tuple(kept),
        realized=realized,
        purchase_realized=purchase_realized,
        unknown_proceeds=unknown,
        known=known,
    )


def rescale(lots: Sequence[Lot], *, quantity: int, ratio: Fraction, cash: Decimal) -> Traded:
    """Turn lots into `ratio` times as many, and sell the fraction that does not make a whole share for `cash`.

    Parameters
    ----------
    quantity
        The whole position afterwards, `lots` x `ratio` rounded towards zero.
    """
    before = sum(lot.quantity for lot in lots)
    exact = before * ratio
    fraction = exact - quantity
    scaled: list[Lot] = []
    passed = placed = 0
    cost = purchase_cost = ZERO
    for lot in lots:
        passed += lot.quantity
        whole = quantity if passed == before else int(passed * ratio)
        cost += lot.cost
        purchase_cost += lot.purchase_cost
        if whole != placed:
            scaled.append(replace(lot, quantity=whole - placed, cost=cost, purchase_cost=purchase_cost))
            placed, cost, purchase_cost = whole, ZERO, ZERO
    known = all(lot.known for lot in lots)
    if scaled and (cost or purchase_cost):
        last = scaled[-1]
        scaled[-1] = replace(last, cost=last.cost + cost, purchase_cost=last.purchase_cost + purchase_cost)
    if not fraction and not cash:
        return Traded(lots=tuple(scaled))
    sold, purchase_sold = (
        cents(sum(values, ZERO) * fraction.numerator / fraction.denominator * exact.denominator / exact.numerator)
        for values in ([lot.cost for lot in lots], [lot.purchase_cost for lot in lots])
    )
    if scaled:
        last = scaled[-1]
        scaled[-1] = replace(last, cost=last.cost - sold, purchase_cost=last.purchase_cost - purchase_sold)
    return Traded(
        lots=tuple(scaled),
        realized=cash - sold if known else ZERO,
        purchase_realized=cash - purchase_sold if known else ZERO,
        unknown_proceeds=ZERO if known else cash - sold,
        known=known,
    )
