"""What an account is exposed to: the linear sums of its positions' greeks."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A position with the greeks of one unit of it.

    Attributes
    ----------
    quantity
        Signed contracts or shares.
    multiplier
        Shares that one contract's greeks count for; 1 for shares.
    spot
        USD per share of the underlying.
    delta, gamma, theta_per_day, vega_per_vol_point
        As of `pricing.black_scholes.Greeks`; NaN if unknown. Not read for shares, whose delta is 1.
    beta
        Of the underlying to the benchmark.
    """

    symbol: str
    underlying: str
    quantity: int
    multiplier: float
    is_option: bool
    spot: float
    delta: float = math.nan
    gamma: float = math.nan
    theta_per_day: float = math.nan
    vega_per_vol_point: float = math.nan
    beta: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Sensitivities of an account; NaN where a position's are unknown.

    Attributes
    ----------
    delta_shares
        Shares that move like the positions.
    dollar_delta
        USD for a move of 100 % of every underlying, at today's delta.
    beta_weighted_delta
        USD for a move of 100 % of the benchmark: dollar delta times beta; in shares of the benchmark if its price was given.
    gamma
        Change of `delta_shares` for one USD of every underlying.
    dollar_gamma
        Change of `dollar_delta` for a move of 1 % of every underlying.
    theta_per_day
        USD for a calendar day.
    vega_per_vol_point
        USD for one volatility point of every option.
    unknown
        Symbols of positions whose spot or greeks are not known.
    """

    delta_shares: float
    dollar_delta: float
    beta_weighted_delta: float
    gamma: float
    dollar_gamma: float
    theta_per_day: float
    vega_per_vol_point: float
    unknown: tuple[str, ...] = ()


def exposure(holdings: Iterable[Holding], *, benchmark_spot: float | None = None) -> Exposure:
    """Sum signed quantity times multiplier times greek over all positions.

    Examples
    --------
    >>> put = Holding(symbol="P", underlying="XYZ", quantity=2, multiplier=100, is_option=True, spot=50.0,
    ...               delta=-0.5, gamma=0.02, theta_per_day=-0.01, vega_per_vol_point=0.05)
    >>> exposure([put]).delta_shares
    -100.0
    """
    positions = tuple(holdings)

    def total(term: Callable[[Holding], float]) -> float:
        return math.fsum(h.quantity * h.multiplier * term(h) for h in positions)

    def option(value: Callable[[Holding], float]) -> Callable[[Holding], float]:
        return lambda h: value(h) if h.is_option else 0.0

    def delta(holding: Holding) -> float:
        return holding.delta if holding.is_option else 1.0

    weighted = total(lambda h: delta(h) * h.spot * h.beta)
    return Exposure(
        delta_shares=total(delta),
        dollar_delta=total(lambda h: delta(h) * h.spot),
        beta_weighted_delta=weighted if benchmark_spot is None else weighted / benchmark_spot,
        gamma=total(option(lambda h: h.gamma)),
        dollar_gamma=total(option(lambda h: h.gamma * h.spot * h.spot / 100.0)),
        theta_per_day=total(option(lambda h: h.theta_per_day)),
        vega_per_vol_point=total(option(lambda h: h.vega_per_vol_point)),
        unknown=tuple(h.symbol for h in positions if not _is_known(h)),
    )


def _is_known(holding: Holding) -> bool:
    greeks = (holding.delta, holding.gamma, holding.theta_per_day, holding.vega_per_vol_point)
    return math.isfinite(holding.spot) and (not holding.is_option or all(map(math.isfinite, greeks)))
