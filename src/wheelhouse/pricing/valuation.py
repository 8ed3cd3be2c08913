"""A chain with what its quotes imply: mark, volatility, greeks, probability, and why one of them is missing.

Computed once when quotes arrive and shared by everything that reads the chain.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wheelhouse.errors import InvalidInput
from wheelhouse.market.chain import ChainSnapshot
from wheelhouse.market.instruments import Exercise
from wheelhouse.pricing.american import american_greeks, american_implied_volatility
from wheelhouse.pricing.black_scholes import greeks, probability_itm
from wheelhouse.pricing.implied import implied_volatility

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

NO_BID: Final = "no_bid"
ONE_SIDED: Final = "one_sided"
CROSSED: Final = "crossed"
LOCKED: Final = "locked"
STALE: Final = "stale"
BELOW_INTRINSIC: Final = "below_intrinsic"
ABOVE_MAXIMUM: Final = "above_maximum"
ADJUSTED: Final = "adjusted"
NO_SPOT: Final = "no_spot"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValuedChain:
    """An option chain with its valuation; every array has shape (n_contracts,) and the order of the chain.

    Attributes
    ----------
    mark
        USD per premium unit: the mid of a two-sided quote, half the ask when the bid is zero, else NaN.
    implied_volatility
        Solves the mid of a two-sided quote with the chain's exercise style; NaN, like all greeks and the probability, where a flag
        says why.
    delta, gamma, theta_per_day, vega_per_vol_point, rho_per_rate_point
        As of `pricing.black_scholes.Greeks`, long one option on one share.
    probability_itm
        Risk-neutral probability to finish in the money, N(d2) or N(-d2).
    flags
        ``no_bid`` (the bid is zero), ``one_sided`` (bid or ask unknown, or the ask zero), ``crossed``, ``stale``,
        ``below_intrinsic`` (at or below the least value), ``above_maximum``, ``adjusted`` (the deliverable's value is not known),
        ``no_spot``: no volatility. ``locked``: bid equals ask, valued all the same.
    """

    chain: ChainSnapshot
    priced_at: datetime
    mark: Floats
    implied_volatility: Floats
    delta: Floats
    gamma: Floats
    theta_per_day: Floats
    vega_per_vol_point: Floats
    rho_per_rate_point: Floats
    probability_itm: Floats
    flags: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.chain)


def value_chain(
    chain: ChainSnapshot,
    *,
    priced_at: datetime,
    stale: Booleans | None = None,
    deliverable_value: Floats | None = None,
) -> ValuedChain:
    """Value a chain from its quotes.

    Parameters
    ----------
    priced_at
        When this is computed; kept as it is.
    stale
        Quotes that are too old to imply anything, ``(n_contracts,)``; none by default.
    deliverable_value
        USD of what one contract delivers per USD of its exercise multiplier, ``(n_contracts,)``: the spot that an adjusted
        contract is an option on. NaN, the default for adjusted contracts, leaves them without volatility; standard contracts take
        the chain's spot.

    Raises
    ------
    InvalidInput
        A mask or value of another shape than ``(n_contracts,)``.
    """
    n = len(chain)
    old = np.zeros(n, dtype=np.bool_) if stale is None else np.asarray(stale, dtype=np.bool_)
    delivered = np.full(n, np.nan) if deliverable_value is None else np.asarray(deliverable_value, dtype=np.float64)
    for name, array in (("stale", old), ("deliverable_value", delivered)):
        if array.shape != (n,):
            raise InvalidInput(f"valuation of {chain.underlying}: {name} has shape {array.shape}, expected ({n},)")
    spot = np.where(chain.standard, chain.spot, delivered)
    known = np.isfinite(chain.bid) & np.isfinite(chain.ask) & (chain.ask > 0.0) & (chain.bid >= 0.0)
    crossed = known & (chain.bid > chain.ask)
    no_bid = (chain.bid == 0.0) & ~(chain.ask <= 0.0)
    two_sided = known & ~crossed & ~no_bid
    mark = np.where(two_sided | (known & no_bid), 0.5 * (chain.bid + chain.ask), np.nan)
    priced = two_sided & ~old & np.isfinite(spot)
    volatility, below, above = _implied(chain, spot, mark, priced)
    columns = _greeks(chain, spot, volatility)
    conditions: tuple[tuple[str, Booleans], ...] = (
        (NO_BID, no_bid),
        (ONE_SIDED, ~known & ~(no_bid & np.isfinite(chain.ask))),
        (CROSSED, crossed),
        (LOCKED, two_sided & (chain.bid == chain.ask)),
        (STALE, old),
        (BELOW_INTRINSIC, below),
        (ABOVE_MAXIMUM, above),
        (ADJUSTED, ~chain.standard & ~np.isfinite(spot)),
        (NO_SPOT, chain.standard & ~np.isfinite(spot)),
    )
    return ValuedChain(
        chain=chain,
        priced_at=priced_at,
        mark=mark,
        implied_volatility=volatility,
        flags=_flags(n, conditions),
        **columns,
    )


def _implied(chain: ChainSnapshot, spot: Floats, mark: Floats, priced: Booleans) -> tuple[Floats, Booleans, Booleans]:
    n = len(chain)
    volatility = np.full(n, np.nan)
    below, above = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    index = np.flatnonzero(priced)
    if index.size:
        solve = american_implied_volatility if chain.exercise is Exercise.AMERICAN else implied_volatility
        result = solve(
            mark[index],
            spot[index],
            chain.strike[index],
            chain.years_to_expiry[index],
            chain.rate,
            chain.dividend_yield,
            chain.is_call[index],
        )
        volatility[index] = result.volatility
        below[index], above[index] = result.below_intrinsic, result.above_maximum
    return volatility, below, above


def _greeks(chain: ChainSnapshot, spot: Floats, volatility: Floats) -> dict[str, Floats]:
    n = len(chain)
    names = ("delta", "gamma", "theta_per_day", "vega_per_vol_point", "rho_per_rate_point", "probability_itm")
    columns = {name: np.full(n, np.nan) for name in names}
    index = np.flatnonzero(np.isfinite(volatility))
    if index.size:
        derive = american_greeks if chain.exercise is Exercise.AMERICAN else greeks
        spots, strikes, years = spot[index], chain.strike[index], chain.years_to_expiry[index]
        calls, deviations = chain.is_call[index], volatility[index]
        found = derive(spots, strikes, years, deviations, chain.rate, chain.dividend_yield, calls)
        columns["delta"][index] = found.delta
        columns["gamma"][index] = found.gamma
        columns["theta_per_day"][index] = found.theta_per_day
        columns["vega_per_vol_point"][index] = found.vega_per_vol_point
        columns["rho_per_rate_point"][index] = found.rho_per_rate_point
        columns["probability_itm"][index] = probability_itm(
            spots, strikes, years, deviations, chain.rate, chain.dividend_yield, calls
        )
    return columns


def _flags(n: int, conditions: tuple[tuple[str, Booleans], ...]) -> tuple[tuple[str, ...], ...]:
    rows: list[list[str]] = [[] for _ in range(n)]
    for name, mask in conditions:
        for i in np.flatnonzero(mask):
            rows[i].append(name)
    return tuple(tuple(row) for row in rows)
