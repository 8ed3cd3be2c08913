"""Bringing names back to their weights in whole shares and whole contracts.

A name's weight is what it takes if assigned, shares at market and short puts at their strikes, over the equity. While every name is
within the hard band around its target nothing is traded. Once one is beyond it, all are brought back to within the soft band with the
least turnover: shares are bought, shares that cover no call are sold, short puts are bought back. It is an integer programme: cash binds
all names together, and what cannot be reached in whole units or for want of cash is missed by as little as possible.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from wheelhouse.errors import InvalidInput, WheelhouseError
from wheelhouse.ledger.orders import Leg
from wheelhouse.market.instruments import Right
from wheelhouse.strategy.allocation import committed
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.views import AccountView, HoldingView, put_obligation

# A dollar outside the soft band weighs as much as this many of turnover, outside the hard band as this many.
_SOFT_PENALTY: Final = 10.0
_HARD_PENALTY: Final = 100.0
_ROUNDING: Final = 1e-9


class RebalancingError(WheelhouseError):
    """The solver gave no answer to a programme that always has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebalanceTrade:
    """One order, and why."""

    legs: tuple[Leg, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebalance:
    """Trades that bring an account back to its weights.

    Attributes
    ----------
    weights_before, weights_after
        By name, fractions of the equity; None if a price is unknown.
    turnover
        Sum over names of what is traded, shares at market and puts at their strikes, over the equity; None if a price is unknown.
    """

    trades: tuple[RebalanceTrade, ...]
    weights_before: Mapping[str, float | None]
    weights_after: Mapping[str, float | None]
    turnover: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """What can be traded: `most` units; weight and turnover are USD of one, cash is what one takes from what may be spent."""

    name: str
    symbol: str
    sign: int
    most: int
    weight: float
    cash: float

    @property
    def turnover(self) -> float:
        return abs(self.weight)


def rebalance(
    account: AccountView,
    spots: Mapping[str, float],
    asks: Mapping[str, float],
    policy: WheelPolicy,
    *,
    targets: Mapping[str, float] | None = None,
) -> Rebalance:
    """Find the trades of least turnover that bring every name back.

    Parameters
    ----------
    spots
        USD per share of the names held and aimed at, as far as they are known.
    asks
        USD per share that closing a short put costs, by symbol; puts without one are left alone.
    targets
        Weights by name, not negative, at most 1 together; names held but not named have 0. None shares what is invested now equally
        among the names held. No target exceeds `policy.max_name_share`.

    Raises
    ------
    InvalidInput
        Targets that are negative or exceed 1 together, or an account without equity.
    """
    equity = float(account.equity)
    wanted = dict(targets or {})
    if any(not 0.0 <= weight <= 1.0 for weight in wanted.values()) or sum(wanted.values()) > 1.0 + _ROUNDING:
        raise InvalidInput(f"rebalancing: targets {wanted} must be from 0 to 1, and at most 1 together")
    if not equity > 0.0:
        raise InvalidInput(f"rebalancing: the account has an equity of {equity:.2f} USD, so no weights")
    taken = committed(account, spots)
    names = sorted({*taken, *wanted})
    before = {name: taken.get(name, 0.0) / equity for name in names}
    if any(not math.isfinite(weight) for weight in before.values()):
        unknown = {name: weight if math.isfinite(weight) else None for name, weight in before.items()}
        return Rebalance(trades=(), weights_before=unknown, weights_after=unknown, turnover=None)
    even = sum(before.values()) / len(names) if names and targets is None else 0.0
    aims = {name: min(wanted.get(name, even), policy.max_name_share) for name in names}
    beyond = [name for name in names if abs(before[name] - aims[name]) > policy.hard_band + _ROUNDING]
    if not beyond or account.halted:
        return Rebalance(trades=(), weights_before=before, weights_after=before, turnover=0.0)
    units = [unit for name in names for unit in _units(account, name, spots.get(name), asks, policy)]
    counts = _solve(units, names, before, aims, policy, equity=equity, cash=max(0.0, float(account.buying_power)))
    after, trades, turnover = dict(before), [], 0.0
    for unit, count in zip(units, counts, strict=True):
        if count:
            after[unit.name] += unit.weight * count / equity
            turnover += unit.turnover * count / equity
    for unit, count in zip(units, counts, strict=True):
        if count:
            legs = (Leg(symbol=unit.symbol, quantity=unit.sign * count),)
            trades.append(RebalanceTrade(legs=legs, reason=_reason(unit.name, before, after, aims, beyond, policy)))
    return Rebalance(trades=tuple(trades), weights_before=before, weights_after=after, turnover=turnover)


def _units(
    account: AccountView, name: str, spot: float | None, asks: Mapping[str, float], policy: WheelPolicy
) -> list[_Unit]:
    if any(leg.symbol == name for leg in account.working):
        # Shares that an order is working on already are left to it.
        spot = None
    units = []
    held = account.of(name)
    if spot is not None and spot > 0:
        units.append(_Unit(name=name, symbol=name, sign=1, most=10**7, weight=spot, cash=spot))
        free = account.shares(name) - _called(held, name)
        if free > 0:
            units.append(_Unit(name=name, symbol=name, sign=-1, most=free, weight=-spot, cash=-spot))
    busy = {leg.symbol for leg in account.working}
    for put in held:
        if not put.is_short_option or put.contract is None or put.contract.right is not Right.PUT:
            continue
        ask = asks.get(put.symbol)
        if ask is None or not math.isfinite(ask) or put.symbol in busy:
            continue
        obligation = float(put_obligation(put)) / -put.quantity
        paid = ask * put.contract.premium_multiplier + policy.fee_per_contract
        cash = paid - obligation
        units.append(_Unit(name=name, symbol=put.symbol, sign=1, most=-put.quantity, weight=-obligation, cash=cash))
    return units


def _called(held: Sequence[HoldingView], name: str) -> int:
    calls = (p for p in held if p.is_short_option and p.contract is not None and p.contract.right is Right.CALL)
    return sum(
        -call.quantity * sum(n for symbol, n in call.contract.deliverable.shares if symbol == name)
        for call in calls
        if call.contract is not None
    )


def _solve(
    units: Sequence[_Unit],
    names: Sequence[str],
    before: Mapping[str, float],
    aims: Mapping[str, float],
    policy: WheelPolicy,
    *,
    equity: float,
    cash: float,
) -> list[int]:
    """Counts of units; the variables after them are, by name, the weights outside the soft and outside the hard band."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    n, k = len(units), len(names)
    if not n:
        return []
    cost = np.concatenate([[u.turnover / equity for u in units], np.full(k, _SOFT_PENALTY), np.full(k, _HARD_PENALTY)])
    moves = np.zeros((k, n))
    for j, unit in enumerate(units):
        moves[names.index(unit.name), j] = unit.weight / equity
    distance = np.array([before[name] - aims[name] for name in names])
    one, none = np.eye(k), np.zeros((k, k))
    constraints = []
    for band, slack in ((policy.soft_band, (one, none)), (policy.hard_band, (none, one))):
        constraints.append(LinearConstraint(np.hstack([moves, -slack[0], -slack[1]]), ub=band - distance))
        constraints.append(LinearConstraint(np.hstack([moves, *slack]), lb=-band - distance))
    spent = np.concatenate([[u.cash / equity for u in units], np.zeros(2 * k)])
    constraints.append(LinearConstraint(spent[None, :], ub=cash / equity))
    found = milp(
        cost,
        integrality=np.concatenate([np.ones(n), np.zeros(2 * k)]),
        bounds=Bounds(0.0, np.concatenate([[float(u.most) for u in units], np.full(2 * k, np.inf)])),
        constraints=constraints,
        options={"mip_rel_gap": 0.0, "time_limit": 10.0},
    )
    if found.x is None:
        raise RebalancingError(f"rebalancing {', '.join(names)}: the solver stopped with {found.message!r}")
    return [round(value) for value in found.x[:n]]


def _reason(
    name: str,
    before: Mapping[str, float],
    after: Mapping[str, float],
    aims: Mapping[str, float],
    beyond: Sequence[str],
    policy: WheelPolicy,
) -> str:
    band = f"beyond the hard band of {policy.hard_band:.1%}" if name in beyond else "brought back with the others"
    return f"{name} takes {before[name]:.1%} of the equity, its target is {aims[name]:.1%}, {band}; {after[name]:.1%} afterwards"
