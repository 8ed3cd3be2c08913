"""Which shares stand behind calls, and below which strike no call is sold."""

from dataclasses import dataclass
from decimal import Decimal

from wheelhouse.ledger.orders import Leg
from wheelhouse.market.instruments import Right, parse_osi, underlying_of
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.views import ROUND_LOT, AccountView


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Round lots of an underlying.

    Attributes
    ----------
    lots
        Hundreds of shares held; an odd remainder covers nothing.
    uncovered
        Lots that no short call and no working order has a claim on.
    naked_shares
        Shares that short calls would deliver and the account does not hold.
    """

    lots: int
    uncovered: int
    naked_shares: int


def coverage(account: AccountView, underlying: str) -> Coverage:
    """Count the round lots of an underlying, and those that are free.

    Short calls claim what they deliver. Working orders that sell calls or shares claim as if they had filled; what they buy does not
    count until it has.
    """
    held = account.shares(underlying)
    called = 0
    for holding in account.of(underlying):
        if holding.is_short_option and holding.contract is not None and holding.contract.right is Right.CALL:
            delivered = sum(count for symbol, count in holding.contract.deliverable.shares if symbol == underlying)
            called -= holding.quantity * delivered
    claimed = sum(_claimed_shares(leg) for leg in working_on(account, underlying))
    return Coverage(
        lots=max(0, held) // ROUND_LOT,
        uncovered=max(0, held - called - claimed) // ROUND_LOT,
        naked_shares=max(0, called - max(0, held)),
    )


def working_on(account: AccountView, underlying: str) -> tuple[Leg, ...]:
    """Legs of working orders in an underlying and its options."""
    return tuple(leg for leg in account.working if underlying_of(leg.symbol) == underlying)


def _claimed_shares(leg: Leg) -> int:
    if leg.quantity > 0:
        return 0
    if not leg.is_option:
        return -leg.quantity
    return -leg.quantity * ROUND_LOT if parse_osi(leg.symbol).right is Right.CALL else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFloor:
    """The least strike of a call.

    Attributes
    ----------
    price
        USD per share; None if the policy has no floor, there are no shares, or the basis is unknown.
    known
        False if the policy has a floor that cannot be computed: then no call is sold.
    """

    price: Decimal | None
    known: bool


def call_floor(account: AccountView, underlying: str, policy: WheelPolicy) -> CallFloor:
    """Give the floor of the policy: the higher basis if the shares are held in several positions."""
    if policy.call_floor == "none":
        return CallFloor(price=None, known=True)
    bases = [
        p.tax_basis if policy.call_floor == "tax" else p.campaign_basis
        for p in account.of(underlying)
        if p.contract is None and p.quantity > 0
    ]
    known = [basis for basis in bases if basis is not None]
    if len(known) != len(bases):
        return CallFloor(price=None, known=False)
    return CallFloor(price=max(known, default=None), known=True)
