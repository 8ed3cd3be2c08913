"""Arbitrage that can be executed at quotes: bought at asks, sold at bids, held or exercised without risk.

At mids a third of the butterflies of a real chain look violated; what counts is what is left after crossing the spreads. Each option
that can be sold is compared with the cheapest portfolio of its kind that is worth at least as much whatever happens, and the most
profitable one is reported.

References
----------
Carr, P. and Madan, D. (2005). A note on sufficient conditions for no arbitrage. Finance Research Letters 2, 125-130.
Merton, R. C. (1973). Theory of rational option pricing. Bell Journal 4(1), theorems 1 to 4 and section 4 (American bounds).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wheelhouse.errors import InvalidInput
from wheelhouse.market.chain import ChainSnapshot
from wheelhouse.market.instruments import Exercise
from wheelhouse.pricing.parity import Forward

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Indices = NDArray[np.intp]

_ROUNDING: Final = 1e-9


class ArbitrageKind(StrEnum):
    """What is violated.

    ``vertical``: a further strike costs no more, and no less by more than the distance. ``butterfly``: prices are convex in the
    strike. ``calendar``: a later expiry is worth no less. ``parity``: call less put against stock and cash. ``bound``: one option
    against stock and cash.
    """

    VERTICAL = "vertical"
    BUTTERFLY = "butterfly"
    CALENDAR = "calendar"
    PARITY = "parity"
    BOUND = "bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteArbitrage:
    """A portfolio that costs less than nothing and never less than it earns.

    Attributes
    ----------
    legs
        Padded OSI symbols and quantities in options on one share, positive bought at the ask, negative sold at the bid.
    shares
        Of the underlying at its spot; 0 for arbitrages among options alone.
    profit
        USD per share, at present value, what remains certain after paying for every claim on the portfolio.
    """

    kind: ArbitrageKind
    legs: tuple[tuple[str, float], ...]
    shares: float
    profit: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """Options of one right and one expiry, ascending by strike, (n,): bids that can be sold, asks that can be bought."""

    strike: Floats
    bid: Floats
    ask: Floats
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Carry:
    """Rate and yield times years."""

    interest: float
    dividends: float

    def until(self, later: "_Carry") -> "_Carry":
        return _Carry(later.interest - self.interest, later.dividends - self.dividends)


def quote_arbitrage(
    chain: ChainSnapshot,
    *,
    forwards: Sequence[Forward] = (),
    stale: Booleans | None = None,
    least_profit: float = 0.0,
) -> tuple[QuoteArbitrage, ...]:
    """Every executable arbitrage of a chain, at most one a kind for each option sold; most profitable first.

    Parameters
    ----------
    forwards
        Of expiries that have them, whose rate and yield count instead of the chain's.
    stale
        Quotes that cannot be traded any more, ``(n_contracts,)``; none by default.
    least_profit
        USD per share that must be exceeded, such as fees.

    Notes
    -----
    Adjusted contracts and crossed quotes are left out. Tests against the stock take the chain's spot for both sides, and rate and
    yield for certain; tests among American options need neither, but for a negative rate. Without a spot only options are tested.

    Raises
    ------
    InvalidInput
        `stale` of another shape than ``(n_contracts,)``.
    """
    old = np.zeros(len(chain), dtype=np.bool_) if stale is None else np.asarray(stale, dtype=np.bool_)
    if old.shape != (len(chain),):
        raise InvalidInput(f"arbitrage of {chain.underlying}: stale has shape {old.shape}, expected ({len(chain)},)")
    with np.errstate(invalid="ignore"):
        usable = chain.standard & ~old & ~(chain.bid > chain.ask)
        bid = np.where(usable & (chain.bid > 0.0), chain.bid, -np.inf)
        ask = np.where(usable & (chain.ask > 0.0), chain.ask, np.inf)
    american = chain.exercise is Exercise.AMERICAN
    found: list[QuoteArbitrage] = []
    times = np.unique(chain.years_to_expiry)
    carry = {years: _Carry(chain.rate * years, chain.dividend_yield * years) for years in times.tolist()}
    carry.update({each.years: _Carry(each.rate * each.years, each.dividend_yield * each.years) for each in forwards})
    for call in (True, False):
        later: list[tuple[float, _Side]] = []
        for years in times[::-1].tolist():
            side = _side(chain, (chain.years_to_expiry == years) & (chain.is_call == call), bid, ask)
            discount = float(np.exp(-carry[years].interest))
            # What a unit of strike costs at most: an American option may ask for it at once.
            unit = max(discount, 1.0) if american else discount
            found += _verticals(side, call=call, unit=unit)
            found += _butterflies(side)
            for far_years, far in later:
                gap = _Carry(0.0, 0.0) if american else carry[years].until(carry[far_years])
                found += _calendars(side, far, gap, call=call)
            later.append((years, side))
    if np.isfinite(chain.spot):
        for years in times.tolist():
            calls, puts = (
                _side(chain, (chain.years_to_expiry == years) & (chain.is_call == call), bid, ask)
                for call in (True, False)
            )
            found += _against_stock(chain.spot, carry[years], calls, puts, american=american)
    best: dict[tuple[ArbitrageKind, tuple[str, ...], bool], QuoteArbitrage] = {}
    for each in sorted(found, key=lambda each: (-each.profit, each.kind, each.legs)):
        sold = tuple(symbol for symbol, quantity in each.legs if quantity < 0.0)
        # An option against the stock may have nothing sold but shares: then the one bought tells them apart.
        named = sold or tuple(symbol for symbol, _ in each.legs)
        if each.profit > least_profit + _ROUNDING:
            best.setdefault((each.kind, named, each.shares > 0.0), each)
    return tuple(best.values())


def _side(chain: ChainSnapshot, mask: Booleans, bid: Floats, ask: Floats) -> _Side:
    rows = np.flatnonzero(mask & (np.isfinite(bid) | np.isfinite(ask)))
    rows = rows[np.argsort(chain.strike[rows], kind="stable")]
    return _Side(strike=chain.strike[rows], bid=bid[rows], ask=ask[rows], symbols=tuple(chain.symbols[i] for i in rows))


def _verticals(side: _Side, *, call: bool, unit: float) -> list[QuoteArbitrage]:
    """Two strikes: the better one for less, and the worse one for less by more than the distance."""
    if side.strike.size < 2:
        return []
    found = []
    # Calls are worth more at lower strikes, puts at higher ones.
    better = slice(None) if call else slice(None, None, -1)
    order = np.arange(side.strike.size)[better]
    distance = np.abs(side.strike - side.strike[order[0]])
    for shift, towards in ((np.zeros_like(distance), 1), (unit * distance, -1)):
        # The cheapest ask among the strikes passed so far, walking away from the better end or back to it.
        walk = order[::towards]
        cost = side.ask[walk] + shift[walk]
        cheapest = np.minimum.accumulate(cost)
        first = np.maximum.accumulate(np.where(cost <= cheapest, np.arange(cost.size), 0))
        gain = side.bid[walk][1:] + shift[walk][1:] - cheapest[:-1]
        # Walking back, the option sold is the better one, and the loan of the distance is repaid at most.
        for i in np.flatnonzero(gain > _ROUNDING):
            sold, bought = int(walk[i + 1]), int(walk[first[i]])
            legs = ((side.symbols[bought], 1.0), (side.symbols[sold], -1.0))
            found.append(QuoteArbitrage(kind=ArbitrageKind.VERTICAL, legs=legs, shares=0.0, profit=float(gain[i])))
    return found


def _butterflies(side: _Side) -> list[QuoteArbitrage]:
    """Bids above the lower convex hull of the asks: the two neighbours on the hull cost less and are worth no less."""
    rows = np.flatnonzero(np.isfinite(side.ask))
    if rows.size < 3:
        return []
    hull: list[int] = []
    for i in rows.tolist():
        while len(hull) >= 2:
            first, second = hull[-2], hull[-1]
            rise = (side.ask[second] - side.ask[first]) * (side.strike[i] - side.strike[first])
            if rise < (side.ask[i] - side.ask[first]) * (side.strike[second] - side.strike[first]):
                break
            hull.pop()
        hull.append(i)
    vertices = np.array(hull)
    strikes, costs = side.strike[vertices], side.ask[vertices]
    found = []
    for i in np.flatnonzero(side.bid > np.interp(side.strike, strikes, costs) + _ROUNDING).tolist():
        right = int(np.searchsorted(strikes, side.strike[i]))
        # On a vertex the hull is the option's own ask, and beyond its ends it does not speak.
        if right in (0, strikes.size) or strikes[right] == side.strike[i]:
            continue
        share = float((side.strike[i] - strikes[right - 1]) / (strikes[right] - strikes[right - 1]))
        left_symbol, right_symbol = side.symbols[vertices[right - 1]], side.symbols[vertices[right]]
        profit = float(side.bid[i] - (1.0 - share) * costs[right - 1] - share * costs[right])
        legs = ((left_symbol, 1.0 - share), (right_symbol, share), (side.symbols[i], -1.0))
        found.append(QuoteArbitrage(kind=ArbitrageKind.BUTTERFLY, legs=legs, shares=0.0, profit=profit))
    return found


def _calendars(near: _Side, far: _Side, gap: _Carry, *, call: bool) -> list[QuoteArbitrage]:
    """A later option of at least as good a strike for less.

    When the near option expires, a far European one is worth its discounted forward payoff at least: ``exp(dividends)`` of them at
    a strike of ``exp(interest - dividends)`` times the near one's cover it. An American one is worth its payoff then: both are 0.
    """
    if near.strike.size == 0 or far.strike.size == 0:
        return []
    units = float(np.exp(gap.dividends))
    wanted = near.strike * np.exp(gap.interest - gap.dividends)
    # Up to rounding of the product a strike counts as met.
    slack = 1e-12 * wanted
    walk = np.arange(far.strike.size) if call else np.arange(far.strike.size)[::-1]
    cheapest = np.minimum.accumulate(far.ask[walk])
    first = np.maximum.accumulate(np.where(far.ask[walk] <= cheapest, np.arange(walk.size), 0))
    if call:
        count = np.searchsorted(far.strike, wanted + slack, side="right")
    else:
        count = far.strike.size - np.searchsorted(far.strike, wanted - slack, side="left")
    found = []
    for i in np.flatnonzero((count > 0) & np.isfinite(near.bid)):
        at = int(count[i]) - 1
        profit = float(near.bid[i] - units * cheapest[at])
        if profit > _ROUNDING:
            bought = far.symbols[int(walk[first[at]])]
            legs = ((bought, units), (near.symbols[i], -1.0))
            found.append(QuoteArbitrage(kind=ArbitrageKind.CALENDAR, legs=legs, shares=0.0, profit=profit))
    return found


def _against_stock(spot: float, carry: _Carry, calls: _Side, puts: _Side, *, american: bool) -> list[QuoteArbitrage]:
    """Parity and bounds; a share held yields dividends, a share sold short costs them.

    American: ``S exp(-q T) - K max(1, D) <= C - P <= S - K min(1, D)`` for a yield that is not negative.
    """
    discount = float(np.exp(-carry.interest))
    carried = float(np.exp(-carry.dividends))
    least_share, most_share = (min(carried, 1.0), max(carried, 1.0)) if american else (carried, carried)
    least_cash, most_cash = (min(discount, 1.0), max(discount, 1.0)) if american else (discount, discount)
    found = []
    common, at_call, at_put = np.intersect1d(calls.strike, puts.strike, return_indices=True)
    for strike, i, j in zip(common.tolist(), at_call.tolist(), at_put.tolist(), strict=True):
        call, put = calls.symbols[i], puts.symbols[j]
        high = float(calls.bid[i] - puts.ask[j] - spot * most_share + strike * least_cash)
        low = float(spot * least_share - strike * most_cash - calls.ask[i] + puts.bid[j])
        if high > _ROUNDING:
            legs = ((put, 1.0), (call, -1.0))
            found.append(QuoteArbitrage(kind=ArbitrageKind.PARITY, legs=legs, shares=most_share, profit=high))
        if low > _ROUNDING:
            legs = ((call, 1.0), (put, -1.0))
            found.append(QuoteArbitrage(kind=ArbitrageKind.PARITY, legs=legs, shares=-least_share, profit=low))
    for side, sign in ((calls, 1.0), (puts, -1.0)):
        held = sign * (spot * carried - side.strike * discount)
        least = np.maximum(held, sign * (spot - side.strike)) if american else held
        most = np.full(side.strike.size, spot * most_share) if sign > 0.0 else side.strike * most_cash
        for i in np.flatnonzero(least - side.ask > _ROUNDING).tolist():
            at_once = american and bool(least[i] > held[i])
            shares = -sign * (1.0 if at_once else carried)
            profit = float(least[i] - side.ask[i])
            bought = ((side.symbols[i], 1.0),)
            found.append(QuoteArbitrage(kind=ArbitrageKind.BOUND, legs=bought, shares=shares, profit=profit))
        for i in np.flatnonzero(side.bid - most > _ROUNDING).tolist():
            profit = float(side.bid[i] - most[i])
            shares = most_share if sign > 0.0 else 0.0
            sold = ((side.symbols[i], -1.0),)
            found.append(QuoteArbitrage(kind=ArbitrageKind.BOUND, legs=sold, shares=shares, profit=profit))
    return found
