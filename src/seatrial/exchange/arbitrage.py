"""Quotes that nobody can trade against without risk.

At the mid even real chains look violated; what counts is what can be executed, buying at the ask and selling at the bid. Raising
an ask or lowering a bid never makes an arbitrage, so quotes are repaired by lowering bids, never by moving asks: each bid is brought
under the cheapest portfolio, bought at asks, that is worth at least as much as the option sold, whatever happens.

For one type of option in one expiry these portfolios are the greatest convex function of the strike under the asks whose slope
stays between those of a sold and of a bought unit of stock. In it go

- options of the same type and expiry (vertical spreads, butterflies, and all sums of them);
- the same made of the other type and stock (conversions and reversals);
- options of later expiries (calendars): an American one can be exercised when the earlier expires, a European one is then worth its
  discounted forward payoff at least.

References
----------
Carr, P. and Madan, D. (2005), "A note on sufficient conditions for no arbitrage", *Finance Research Letters* 2, 125-130.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Market", "highest_bids"]

Points = list[tuple[float, float]]
"""(strike, cost) of portfolios that are worth at least an option of that strike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What an arbitrageur trades beside options: the underlying at one price, and cash at one rate.

    One price and not a bid and an ask is the stricter rule: no box of four options gains anything then either.
    """

    spot: float
    rate: float
    dividend_yield: float
    american: bool


def highest_bids(
    market: Market,
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    is_call: NDArray[np.bool_],
    ask: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The highest bid of each option that leaves no executable arbitrage with these asks.

    Parameters
    ----------
    strike, years, is_call, ask
        Shape (n,); asks per share, not under the option's lower bound.

    Returns
    -------
    ndarray of float64, shape (n,)
        Not over the ask.
    """
    bound = np.array(ask, dtype=np.float64)
    for call in (True, False):
        made_of_other = ask + _stock_and_cash(market, strike, years, call=call)
        carried: Points = []
        later = 0.0
        for left in np.unique(years)[::-1].tolist():
            points = _carry(market, carried, later - left)
            later = left
            own = (years == left) & (is_call == call)
            other = (years == left) & (is_call != call)
            points += _points(strike[own], ask[own])
            points += _points(strike[other], np.maximum(made_of_other[other], 0.0))
            points.append((0.0, _cost_at_strike_zero(market, left, call=call)))
            carried = _lower_hull(points)
            # What a unit of strike is worth at most; cash held against an early exercise loses where rates are negative.
            discount = math.exp(-market.rate * left)
            unit = max(discount, 1.0) if market.american else discount
            lowest, highest = (-unit, 0.0) if call else (0.0, unit)
            bound[own] = np.minimum(bound[own], _greatest_convex(carried, strike[own], lowest, highest))
    return bound


def _points(strikes: NDArray[np.float64], costs: NDArray[np.float64]) -> Points:
    return list(zip(strikes.tolist(), costs.tolist(), strict=True))


def _stock_and_cash(
    market: Market, strike: NDArray[np.float64], years: NDArray[np.float64], *, call: bool
) -> NDArray[np.float64]:
    """What stock and cash cost, (n,), that make a call of a put (or a put of a call) of the same strike and expiry."""
    discount = np.exp(-market.rate * years)
    forward_stock = market.spot * np.exp(-market.dividend_yield * years)
    if not market.american:
        return forward_stock - strike * discount if call else strike * discount - forward_stock
    if call:
        # The sold call may be exercised at any time: then the whole stock must be there and the loan not over the strike.
        return np.asarray(market.spot - strike * np.minimum(discount, 1.0), dtype=np.float64)
    return np.asarray(strike * np.maximum(discount, 1.0) - forward_stock, dtype=np.float64)


def _carry(market: Market, points: Points, gap: float) -> Points:
    """Portfolios of a later expiry as portfolios of one that is ``gap`` years earlier."""
    if market.american:
        return list(points)
    growth = math.exp(market.dividend_yield * gap)
    shift = math.exp((market.dividend_yield - market.rate) * gap)
    return [(strike * shift, cost * growth) for strike, cost in points]


def _cost_at_strike_zero(market: Market, left: float, *, call: bool) -> float:
    if not call:
        return 0.0
    return market.spot if market.american else market.spot * math.exp(-market.dividend_yield * left)


def _lower_hull(points: Points) -> Points:
    """Vertices of the lower convex hull in ascending order (Andrew's monotone chain)."""
    hull: Points = []
    for strike, cost in sorted(points):
        if hull and hull[-1][0] == strike:
            continue
        while len(hull) >= 2:
            (x0, y0), (x1, y1) = hull[-2], hull[-1]
            if (y1 - y0) * (strike - x0) < (cost - y0) * (x1 - x0):
                break
            hull.pop()
        hull.append((strike, cost))
    return hull


def _greatest_convex(hull: Points, strike: NDArray[np.float64], lowest: float, highest: float) -> NDArray[np.float64]:
    """The greatest convex function under a hull whose slopes stay in [lowest, highest], at the strikes, (n,)."""
    x, y = np.array(hull).T
    slopes = np.diff(y) / np.diff(x)
    first = int(np.searchsorted(slopes, lowest, side="left"))
    last = int(np.searchsorted(slopes, highest, side="right"))
    value = np.interp(strike, x, y)
    value = np.where(strike < x[first], y[first] + lowest * (strike - x[first]), value)
    value = np.where(strike > x[last], y[last] + highest * (strike - x[last]), value)
    return np.asarray(value, dtype=np.float64)
