"""Hedges of an account's delta and vega within a budget, each with what it costs and the risk that it leaves.

For every name with more delta than its part of the target: buy back what is sold, buy protective puts, or pay for the puts by
selling covered calls (a collar). Where an index has a chain: puts on the index against the whole account. A name that is short too
much delta gets calls instead. No hedge protects more than there is, sells what shares do not cover, or costs more than the budget.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np

from wheelhouse.ledger.orders import Leg
from wheelhouse.market.instruments import Right
from wheelhouse.pricing.valuation import ValuedChain
from wheelhouse.strategy.coverage import call_floor, coverage, working_on
from wheelhouse.strategy.figures import columns
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.screening import EVENT_RULES, QUOTE_RULES, STRIKE_RULES, Context, Sale, apply_rules
from wheelhouse.strategy.views import ROUND_LOT, AccountView, MarketView, UnderlyingView

INDICES: Final = ("SPX", "XSP", "SPY")
"""Underlyings whose puts hedge a whole account."""

_PROTECTIVE_DELTAS: Final = (0.20, 0.35, 0.50)
_CALL_DELTA: Final = 0.25
_DAYS: Final = (30, 60)
_LEAST_DAYS, _MOST_DAYS = 7, 120


class HedgeKind(StrEnum):
    """How a proposal hedges."""

    BUY_BACK = "buy_back"
    PROTECTIVE_PUT = "protective_put"
    PROTECTIVE_CALL = "protective_call"
    COLLAR = "collar"
    INDEX_PUT = "index_put"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameExposure:
    """What an account has at stake in one name.

    Attributes
    ----------
    delta_shares
        Shares that move like its positions; NaN if unknown.
    vega_per_vol_point
        USD; NaN if unknown.
    spot
        USD per share.
    betas
        Of the name to each index, where they could be estimated.
    """

    delta_shares: float
    vega_per_vol_point: float
    spot: float
    betas: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeProposal:
    """A hedge and what is left after it.

    Attributes
    ----------
    cost
        USD paid at bid and ask with fees; negative is received.
    delta_after
        Of the account, in shares.
    vega_after
        Of the account, USD for a volatility point.
    es_after
        USD, the residual risk: expected shortfall of one session at 95 %; None where the past is too short.
    """

    kind: HedgeKind
    legs: tuple[Leg, ...]
    cost: float
    delta_after: float
    vega_after: float
    es_after: float | None


Tail = Callable[[tuple[Leg, ...]], float | None]
"""Expected shortfall of the account, USD, after legs are traded."""


def hedge(
    account: AccountView,
    market: MarketView,
    exposures: Mapping[str, NameExposure],
    tail: Tail,
    policy: WheelPolicy,
    now: datetime,
    *,
    target_delta: float = 0.0,
) -> tuple[HedgeProposal, ...]:
    """Propose hedges, the least residual shortfall first; then the delta nearest to the target, the cost and the symbols decide.

    Parameters
    ----------
    market
        The names that the account holds, and indices.
    exposures
        By name held. If one is unknown nothing can be said of the whole account, and nothing is proposed.
    target_delta
        Of the account, in shares. Each name bears its share of the way there.
    """
    delta = math.fsum(e.delta_shares for e in exposures.values())
    vega = math.fsum(e.vega_per_vol_point for e in exposures.values())
    if account.halted or not exposures or not (math.isfinite(delta) and math.isfinite(vega)):
        return ()
    desk = _Desk(account=account, policy=policy, now=now)
    made: dict[tuple[Leg, ...], HedgeProposal] = {}
    for kind, trade in _trades(desk, market, exposures, delta, target_delta):
        legs = trade.legs
        after = delta + trade.delta * trade.count
        if abs(after - target_delta) >= abs(delta - target_delta) and kind is not HedgeKind.INDEX_PUT:
            continue
        made.setdefault(
            legs,
            HedgeProposal(
                kind=kind,
                legs=legs,
                cost=round(trade.cost * trade.count, 2),
                delta_after=after,
                vega_after=vega + trade.vega * trade.count,
                es_after=tail(legs),
            ),
        )
    return tuple(sorted(made.values(), key=lambda p: _order(p, target_delta)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trade:
    """`count` units of contracts, +1 or -1 each; delta, vega and cost are of one unit."""

    units: tuple[tuple[str, int], ...]
    delta: float
    vega: float
    cost: float
    count: int

    @property
    def legs(self) -> tuple[Leg, ...]:
        return tuple(Leg(symbol=symbol, quantity=sign * self.count) for symbol, sign in self.units)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    account: AccountView
    policy: WheelPolicy
    now: datetime

    def budget(self, *, frees_collateral: bool = False) -> float:
        """USD that a hedge may cost."""
        money = self.account.cash if frees_collateral else self.account.buying_power
        return max(0.0, min(self.policy.hedge_budget * float(self.account.equity), float(money)))

    def trade(
        self, valued: ValuedChain, rows: tuple[tuple[int, int], ...], wanted: float, most: int, *, budget: float
    ) -> _Trade | None:
        """As many units of rows and signs as bring `wanted` shares of delta, at most `most` and what the budget pays."""
        chain = valued.chain
        delta = sum(sign * float(valued.delta[i]) for i, sign in rows) * ROUND_LOT
        vega = sum(sign * float(valued.vega_per_vol_point[i]) for i, sign in rows) * ROUND_LOT
        price = sum(sign * float(chain.ask[i] if sign > 0 else chain.bid[i]) for i, sign in rows) * ROUND_LOT
        cost = price + len(rows) * self.policy.fee_per_contract
        if not (math.isfinite(delta) and math.isfinite(vega) and math.isfinite(cost)) or delta * wanted <= 0:
            return None
        count = min(most, math.floor(wanted / delta + 0.5))
        if cost > 0:
            count = min(count, math.floor(budget / cost + 1e-9))
        if count < 1:
            return None
        units = tuple((chain.symbols[i], sign) for i, sign in rows)
        return _Trade(units=units, delta=delta, vega=vega, cost=cost, count=count)

    def protective(self, valued: ValuedChain, *, calls: bool) -> list[int]:
        """Contracts to buy: of the expiries nearest to 30 and 60 days those with deltas nearest to three levels."""
        chain, dte = valued.chain, columns(valued, self.now).dte
        held = {p.symbol for p in self.account.positions if p.is_short_option}
        held |= {leg.symbol for leg in self.account.working}
        usable = (
            (chain.is_call == calls)
            & chain.standard
            & np.isfinite(valued.delta)
            & np.isfinite(valued.vega_per_vol_point)
        )
        usable &= (dte >= _LEAST_DAYS) & (dte <= _MOST_DAYS) & np.array([s not in held for s in chain.symbols], bool)
        rows = np.flatnonzero(usable)
        found: list[int] = []
        for days in _DAYS if rows.size else ():
            nearest = rows[np.argmin(np.abs(dte[rows] - days))]
            same = rows[chain.expiry[rows] == chain.expiry[nearest]]
            sizes = np.abs(valued.delta[same])
            found += [int(same[np.argmin(np.abs(sizes - level))]) for level in _PROTECTIVE_DELTAS]
        return list(dict.fromkeys(found))

    def covering_call(self, view: UnderlyingView, valued: ValuedChain, put: int) -> int | None:
        """The call to sell beside a put: same expiry, above market and floor, tradable, delta nearest to a quarter."""
        floor = call_floor(self.account, view.symbol, self.policy)
        if not floor.known:
            return None
        least = None if floor.price is None else float(floor.price)
        long = frozenset(p.symbol for p in self.account.of(view.symbol) if p.contract is not None and p.quantity > 0)
        context = Context(
            view=view,
            valued=valued,
            derived=columns(valued, self.now),
            sale=Sale(right=Right.CALL, floor=least, held_long=long),
            policy=self.policy,
            now=self.now,
        )
        found = apply_rules(context, (*QUOTE_RULES, *EVENT_RULES, *STRIKE_RULES)).admissible
        same = [i for i in found if valued.chain.expiry[i] == valued.chain.expiry[put]]
        return min(
            same, key=lambda i: (abs(float(valued.delta[i]) - _CALL_DELTA), valued.chain.symbols[i]), default=None
        )


def _trades(
    desk: _Desk, market: MarketView, exposures: Mapping[str, NameExposure], delta: float, target: float
) -> Iterator[tuple[HedgeKind, _Trade]]:
    for name, exposure in sorted(exposures.items()):
        view = market.underlyings.get(name)
        if view is None or view.chain is None or view.state != "fresh":
            continue
        share = exposure.delta_shares / delta if delta else 0.0
        yield from _of_name(desk, view, view.chain, exposure.delta_shares, target * share)
    if delta <= target:
        return
    for index in INDICES:
        view = market.underlyings.get(index)
        if view is not None and view.chain is not None and view.state == "fresh" and index not in exposures:
            yield from _of_index(desk, view.chain, exposures, 1.0 - target / delta if delta else 0.0)


def _of_name(
    desk: _Desk, view: UnderlyingView, valued: ValuedChain, delta: float, target: float
) -> Iterator[tuple[HedgeKind, _Trade]]:
    account, name = desk.account, view.symbol
    wanted = target - delta
    calls = wanted > 0
    right = Right.CALL if calls else Right.PUT
    working = {leg.symbol for leg in working_on(account, name)}
    exposed = -account.shares(name) if calls else account.shares(name)
    for holding in account.of(name):
        if not holding.is_short_option or holding.contract is None or holding.contract.right is not right:
            continue
        exposed -= holding.quantity * ROUND_LOT
        if holding.symbol in valued.chain.symbols and holding.symbol not in working and holding.contract.is_standard:
            row = valued.chain.symbols.index(holding.symbol)
            budget = desk.budget(frees_collateral=True)
            back = desk.trade(valued, ((row, 1),), wanted, -holding.quantity, budget=budget)
            if back is not None:
                yield HedgeKind.BUY_BACK, back
    lots = max(0, exposed) // ROUND_LOT
    free_lots = coverage(account, name).uncovered
    for row in desk.protective(valued, calls=calls) if lots else ():
        bought = desk.trade(valued, ((row, 1),), wanted, lots, budget=desk.budget())
        if bought is not None:
            yield HedgeKind.PROTECTIVE_CALL if calls else HedgeKind.PROTECTIVE_PUT, bought
        sold = desk.covering_call(view, valued, row) if free_lots and not calls else None
        if sold is not None:
            collar = desk.trade(valued, ((row, 1), (sold, -1)), wanted, min(lots, free_lots), budget=desk.budget())
            if collar is not None:
                yield HedgeKind.COLLAR, collar


def _of_index(
    desk: _Desk, valued: ValuedChain, exposures: Mapping[str, NameExposure], part: float
) -> Iterator[tuple[HedgeKind, _Trade]]:
    """Puts on an index against the beta-weighted dollars of the account."""
    index, spot = valued.chain.underlying, valued.chain.spot
    betas = [e.betas.get(index) for e in exposures.values()]
    if any(beta is None for beta in betas) or not spot > 0:
        return
    dollars = sum(e.delta_shares * e.spot * (b or 0.0) for e, b in zip(exposures.values(), betas, strict=True))
    wanted = -part * dollars / spot
    for row in desk.protective(valued, calls=False):
        bought = desk.trade(valued, ((row, 1),), wanted, math.floor(-wanted / ROUND_LOT), budget=desk.budget())
        if bought is not None:
            yield HedgeKind.INDEX_PUT, bought


def _order(proposal: HedgeProposal, target: float) -> tuple[bool, float, float, float, tuple[str, ...]]:
    return (
        proposal.es_after is None,
        proposal.es_after or 0.0,
        abs(proposal.delta_after - target),
        proposal.cost,
        tuple(leg.symbol for leg in proposal.legs),
    )
