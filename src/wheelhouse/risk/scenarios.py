"""What would happen: a grid of shocks, a correlated gap, and the assignment of every short put at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from wheelhouse.market.instruments import OptionContract, Right
from wheelhouse.risk.book import Book

SPOT_SHIFTS: tuple[float, ...] = (-0.20, -0.10, -0.05, 0.0, 0.05, 0.10, 0.20)
VOLATILITY_SHIFTS: tuple[float, ...] = (-0.05, 0.0, 0.10)
DAYS: tuple[int, ...] = (0, 7)

CORRELATED_GAP = -0.20


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioPnl:
    """Profit or loss under one shock of everything at once.

    Attributes
    ----------
    spot
        Relative move of every underlying: -0.2 is 20 % down.
    volatility
        Added to every implied volatility, decimals: 0.1 is ten points up.
    days
        Calendar days that pass.
    pnl
        USD against the model value now; negative is a loss.
    """

    spot: float
    volatility: float
    days: int
    pnl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """All short puts assigned at once.

    Attributes
    ----------
    cash_needed
        USD that the shares cost: strike x exercise multiplier x contracts.
    shares
        Received, by symbol.
    """

    cash_needed: Decimal
    shares: dict[str, int]


def scenario_grid(
    book: Book,
    *,
    spot_shifts: Sequence[float] = SPOT_SHIFTS,
    volatility_shifts: Sequence[float] = VOLATILITY_SHIFTS,
    days: Sequence[int] = DAYS,
) -> list[ScenarioPnl]:
    """Revalue the book in full at every combination; days vary slowest, spots fastest."""
    factors = 1.0 + np.repeat(np.asarray(spot_shifts, dtype=np.float64)[:, None], len(book.underlyings), axis=1)
    cells = []
    for passed in days:
        for shift in volatility_shifts:
            profits = np.broadcast_to(book.revalue(factors, shift, float(passed)), len(spot_shifts))
            cells += [
                ScenarioPnl(spot=float(spot), volatility=float(shift), days=int(passed), pnl=float(pnl))
                for spot, pnl in zip(spot_shifts, profits, strict=True)
            ]
    return cells


def correlated_gap(book: Book, *, spot: float = CORRELATED_GAP, volatility: float = 0.0) -> ScenarioPnl:
    """Every underlying opens lower by the same fraction, at once."""
    factors = np.full((1, len(book.underlyings)), 1.0 + spot)
    return ScenarioPnl(spot=spot, volatility=volatility, days=0, pnl=float(book.revalue(factors, volatility)[0]))


def all_short_puts_assigned(positions: Iterable[tuple[OptionContract, int]]) -> Assigned:
    """What it takes if every short put of these contracts and signed quantities is assigned, whatever the spot.

    Cash that a contract delivers beside its shares comes off.
    """
    cash = Decimal(0)
    shares: dict[str, int] = {}
    for contract, quantity in positions:
        if quantity >= 0 or contract.right is not Right.PUT:
            continue
        cash += (contract.strike * contract.exercise_multiplier - contract.deliverable.cash) * -quantity
        for symbol, count in contract.deliverable.shares:
            shares[symbol] = shares.get(symbol, 0) - quantity * count
    return Assigned(cash_needed=cash, shares=shares)
