"""An independent view of what an option's price and delta should be.

The trial never believes the target's own mathematics: figures are compared with what is computed here, by another method than a
production pricer would use.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from seatrial.target.records import Chain, ChainContract

Floats = NDArray[np.float64]

#: Odd, as the method wants; prices of a year's option are within a cent of the limit.
TREE_STEPS = 101


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """A chain's deltas and prices beside the oracle's, ``(n,)`` each.

    ``delta_error`` is absolute, ``price_error`` absolute in USD a share, between the oracle's price at the chain's own volatility and
    the mid that the volatility was solved from.
    """

    symbols: tuple[str, ...]
    delta_error: Floats
    price_error: Floats


def comparable(chain: Chain) -> list[ChainContract]:
    """The contracts that the oracle can judge: a two-sided quote, a volatility and a delta."""
    return [c for c in chain.contracts if c.implied_volatility is not None and c.delta is not None and c.bid and c.ask]


def compare(chain: Chain) -> Comparison:
    """Compare every priced contract of a chain with the oracle."""
    priced = comparable(chain)
    strike = np.array([c.strike for c in priced])
    years = np.array([c.years_to_expiry for c in priced])
    volatility = np.array([c.implied_volatility for c in priced], dtype=np.float64)
    is_call = np.array([c.right == "call" for c in priced], dtype=bool)
    price, delta = binomial(
        chain.spot,
        strike,
        years,
        volatility,
        rate=chain.rate,
        dividend_yield=chain.dividend_yield,
        is_call=is_call,
        american=chain.model == "american",
    )
    told = np.array([c.delta for c in priced], dtype=np.float64)
    mid = np.array([((c.bid or 0.0) + (c.ask or 0.0)) / 2 for c in priced])
    return Comparison(
        symbols=tuple(c.symbol for c in priced), delta_error=np.abs(told - delta), price_error=np.abs(mid - price)
    )


def binomial(
    spot: float,
    strike: Floats,
    years: Floats,
    volatility: Floats,
    *,
    rate: float,
    dividend_yield: float,
    is_call: NDArray[np.bool_],
    american: bool,
    steps: int = TREE_STEPS,
) -> tuple[Floats, Floats]:
    """Price and delta by the tree of Leisen and Reimer, whole arrays at a time.

    Parameters
    ----------
    strike, years, volatility, is_call
        ``(n,)``; years to expiry, volatility a year as a decimal.
    rate, dividend_yield
        Continuous, a year.
    steps
        Odd number of steps.

    Returns
    -------
    tuple
        Price a share and delta, ``(n,)`` each; delta from the two nodes after the first step.

    References
    ----------
    Leisen, Reimer: "Binomial models for option valuation - examining and improving convergence" (1996), with the inversion of Peizer
    and Pratt.
    """
    if strike.size == 0:
        return np.empty(0), np.empty(0)
    step = years / steps
    growth = np.exp((rate - dividend_yield) * step)
    discount = np.exp(-rate * step)
    deviation = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate - dividend_yield + volatility**2 / 2) * years) / deviation
    d2 = d1 - deviation
    up_probability = _peizer_pratt(d2, steps)
    up_under_share = _peizer_pratt(d1, steps)
    up = growth * up_under_share / up_probability
    down = growth * (1 - up_under_share) / (1 - up_probability)
    sign = np.where(is_call, 1.0, -1.0)[:, None]
    ups = np.arange(steps + 1)[None, :]

    def spots(level: int) -> Floats:
        reached = ups[:, : level + 1]
        nodes: Floats = spot * up[:, None] ** reached * down[:, None] ** (level - reached)
        return nodes

    value = np.maximum(sign * (spots(steps) - strike[:, None]), 0.0)
    delta = np.zeros_like(strike)
    for level in range(steps - 1, -1, -1):
        if level == 0:
            after = spots(1)
            delta = (value[:, 1] - value[:, 0]) / (after[:, 1] - after[:, 0])
        value = discount[:, None] * (
            up_probability[:, None] * value[:, 1:] + (1 - up_probability[:, None]) * value[:, :-1]
        )
        if american:
            value = np.maximum(value, sign * (spots(level) - strike[:, None]))
    return value[:, 0], delta


def _peizer_pratt(z: Floats, steps: int) -> Floats:
    scaled = z / (steps + 1 / 3 + 0.1 / (steps + 1))
    half = 0.5 * np.sqrt(1 - np.exp(-(scaled**2) * (steps + 1 / 6)))
    # Far in the tails the probability rounds to 0 or 1, where the tree has no second branch.
    probability: Floats = np.clip(0.5 + np.sign(z) * half, 1e-12, 1 - 1e-12)
    return probability


def closed_form(
    spot: float,
    strike: Floats,
    years: Floats,
    volatility: Floats,
    *,
    rate: float,
    dividend_yield: float,
    is_call: NDArray[np.bool_],
) -> Floats:
    """European price a share by Black and Scholes (1973) with Merton's yield (1973); the tree's own check."""
    deviation = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate - dividend_yield + volatility**2 / 2) * years) / deviation
    sign = np.where(is_call, 1.0, -1.0)
    forward_part = spot * np.exp(-dividend_yield * years) * ndtr(sign * d1)
    strike_part = strike * np.exp(-rate * years) * ndtr(sign * (d1 - deviation))
    price: Floats = sign * (forward_part - strike_part)
    return price
