"""The out-of-the-money quotes of one expiry that a smile is fitted to.

References
----------
Gatheral, J. and Jacquier, A. (2014). Arbitrage-free SVI volatility surfaces. Quantitative Finance 14(1), section 5 (fit to mids,
weighted by the spread).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wheelhouse.market.chain import ChainSnapshot
from wheelhouse.market.instruments import Exercise
from wheelhouse.pricing import black_scholes
from wheelhouse.pricing.american import american_implied_volatility
from wheelhouse.pricing.implied import implied_volatility
from wheelhouse.pricing.parity import Forward, tradeable
from wheelhouse.pricing.svi import SmileQuotes

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Indices = NDArray[np.intp]

# What a mid is uncertain by even in a narrow market: quotes are not synchronous and models not exact.
_LEAST_ERROR: Final = 0.002


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectedQuotes:
    """Quotes of one expiry and the forward that their moneyness refers to.

    Attributes
    ----------
    rows
        Rows of the chain, ``(n,)``, ascending by strike.
    quotes
        Their smile, ``(n,)`` each.
    """

    forward: Forward
    rows: Indices
    quotes: SmileQuotes


def out_of_the_money(chain: ChainSnapshot, forwards: Sequence[Forward]) -> Booleans:
    """Puts struck below their forward and calls struck at or above it, ``(n_contracts,)``; False where there is no forward."""
    level = np.full(len(chain), np.nan)
    for each in forwards:
        level[chain.expiry == np.datetime64(each.expiry, "D")] = each.forward
    with np.errstate(invalid="ignore"):
        chosen: Booleans = np.where(chain.is_call, chain.strike >= level, chain.strike < level)
    return chosen


def eligible_quotes(
    chain: ChainSnapshot,
    forwards: Sequence[Forward],
    *,
    stale: Booleans | None = None,
    widest_spread: float = 0.5,
    least_days: float = 3.0,
) -> Booleans:
    """Which quotes a surface is to be fitted to, ``(n_contracts,)``.

    Out-of-the-money options of standard contracts with a bid above zero, not crossed, not stale, with a spread of at most
    `widest_spread` of the mid and at least `least_days` to expiry.

    Raises
    ------
    InvalidInput
        `stale` of another shape than ``(n_contracts,)``.
    """
    spread, mid = chain.ask - chain.bid, 0.5 * (chain.bid + chain.ask)
    far = chain.years_to_expiry * black_scholes.DAYS_PER_YEAR >= least_days
    with np.errstate(invalid="ignore"):
        narrow = spread <= widest_spread * mid
    wanted: Booleans = tradeable(chain, stale) & out_of_the_money(chain, forwards) & narrow & far
    return wanted


def select_quotes(chain: ChainSnapshot, forwards: Sequence[Forward], wanted: Booleans) -> tuple[SelectedQuotes, ...]:
    """The wanted quotes, de-Americanised, by expiry; without those whose mid no volatility gives.

    Parameters
    ----------
    wanted
        Mask of shape ``(n_contracts,)``, as `eligible_quotes` makes it.

    Notes
    -----
    The volatility solves the mid under the chain's exercise style with rate and yield of the forward, so that of an American option
    is the one of its European twin. The error is half the spread over vega, never below 0.2 volatility points.
    """
    spread, mid = chain.ask - chain.bid, 0.5 * (chain.bid + chain.ask)
    selected = []
    for forward in forwards:
        rows = np.flatnonzero(wanted & (chain.expiry == np.datetime64(forward.expiry, "D")))
        rows = rows[np.argsort(chain.strike[rows], kind="stable")]
        market = (chain.spot, chain.strike[rows], forward.years)
        carry = (forward.rate, forward.dividend_yield, chain.is_call[rows])
        solve = american_implied_volatility if chain.exercise is Exercise.AMERICAN else implied_volatility
        volatility = solve(mid[rows], *market, *carry).volatility
        vega = 100.0 * black_scholes.greeks(*market, volatility, *carry).vega_per_vol_point
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.hypot(0.5 * spread[rows] / vega, _LEAST_ERROR)
        known = np.isfinite(volatility) & (volatility > 0.0) & np.isfinite(error)
        quotes = SmileQuotes(
            years=forward.years,
            k=np.log(chain.strike[rows][known] / forward.forward),
            volatility=volatility[known],
            error=error[known],
        )
        selected.append(SelectedQuotes(forward=forward, rows=rows[known], quotes=quotes))
    return tuple(selected)
