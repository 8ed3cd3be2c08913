"""What positions tie up: in cash and IRA accounts the full strike of short puts, in margin accounts the Regulation T requirement."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from wheelhouse.ledger.contracts import Contracts, contract_of, is_option, multiplier_of
from wheelhouse.ledger.money import ZERO, cents
from wheelhouse.market.instruments import AccountKind, Right


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Margin of a whole account in USD."""

    initial: Decimal
    maintenance: Decimal
    method: str


def secured_cash(quantities: Mapping[str, int], contracts: Contracts) -> Decimal:
    """USD that all short puts pay if they are assigned: strike x exercise multiplier x contracts, in full."""
    total = Decimal(0)
    for symbol, quantity in quantities.items():
        if quantity < 0 and is_option(symbol):
            contract = contract_of(symbol, contracts)
            if contract.right is Right.PUT:
                total += contract.strike * contract.exercise_multiplier * -quantity
    return cents(total)


def shortfalls(quantities: Mapping[str, int], contracts: Contracts) -> dict[tuple[str, str], int]:
    """Shares that short calls would have to deliver and that are not there, and shares that are short, by code and symbol.

    The codes are those of refused orders: `uncovered_call` and `short_shares`. One lot of what a call delivers covers one call.
    """
    needed: dict[str, int] = {}
    for symbol, quantity in quantities.items():
        if quantity < 0 and is_option(symbol):
            contract = contract_of(symbol, contracts)
            if contract.right is Right.CALL:
                for delivered, shares in contract.deliverable.shares:
                    needed[delivered] = needed.get(delivered, 0) - quantity * shares
    found = {
        ("uncovered_call", symbol): shares - max(0, quantities.get(symbol, 0))
        for symbol, shares in needed.items()
        if max(0, quantities.get(symbol, 0)) < shares
    }
    short = {
        ("short_shares", symbol): -quantity
        for symbol, quantity in quantities.items()
        if quantity < 0 and not is_option(symbol)
    }
    return found | short


def requirement(
    kind: AccountKind,
    quantities: Mapping[str, int],
    *,
    marks: Mapping[str, Decimal],
    spots: Mapping[str, Decimal],
    contracts: Contracts,
) -> Requirement | None:
    """What an account of these positions needs; None if a price that it rests on is unknown.

    Parameters
    ----------
    marks
        USD per share of every position.
    spots
        USD per share of every underlying.
    """
    if kind is not AccountKind.MARGIN:
        secured = secured_cash(quantities, contracts)
        return Requirement(initial=secured, maintenance=secured, method="cash_secured")
    initial = maintenance = Decimal(0)
    free = {symbol: quantity for symbol, quantity in quantities.items() if not is_option(symbol)}
    shorts: dict[str, list[tuple[Decimal, Decimal]]] = {}
    for symbol, quantity in sorted(quantities.items()):
        if symbol not in marks:
            return None
        value = abs(quantity) * marks[symbol] * multiplier_of(symbol, contracts)
        if not is_option(symbol):
            initial += value * (Decimal("0.5") if quantity > 0 else Decimal("1.5"))
            maintenance += value * (Decimal("0.25") if quantity > 0 else Decimal("1.3"))
        elif quantity > 0:
            # Long options have no loan value: they are paid in full.
            initial += value
            maintenance += value
        else:
            contract = contract_of(symbol, contracts)
            spot = spots.get(contract.underlying)
            if spot is None:
                return None
            count = -quantity
            if contract.right is Right.CALL:
                lot = sum(shares for _, shares in contract.deliverable.shares) or 1
                covered = min(count, max(0, free.get(contract.underlying, 0)) // lot)
                free[contract.underlying] = free.get(contract.underlying, 0) - covered * lot
                count -= covered
            out = max(ZERO, contract.strike - spot if contract.right is Right.CALL else spot - contract.strike)
            floor = spot if contract.right is Right.CALL else contract.strike
            per_share = max(Decimal("0.20") * spot - out, Decimal("0.10") * floor)
            premium = count * marks[symbol] * contract.premium_multiplier
            needed = count * per_share * contract.exercise_multiplier
            side = 0 if contract.right is Right.CALL else 1
            sides = shorts.setdefault(contract.underlying, [(Decimal(0), Decimal(0)), (Decimal(0), Decimal(0))])
            sides[side] = (sides[side][0] + needed, sides[side][1] + premium)
    for (call_needed, call_premium), (put_needed, put_premium) in shorts.values():
        # Of a strangle the greater side, and the other side's premium.
        total = max(call_needed + call_premium, put_needed + put_premium)
        other = put_premium if call_needed + call_premium >= put_needed + put_premium else call_premium
        initial += total + other
        maintenance += total + other
    return Requirement(initial=cents(initial), maintenance=cents(maintenance), method="regulation_t")
