"""Forward prices and discount factors of a chain, from put-call parity.

A European call less the put of the same strike K is worth ``D (F - K)``, so a line through such pairs gives the discount D and the
forward F. American pairs are first turned into European ones: the volatility at which the American value equals the mid prices the
European option. That needs the rate and the yield which the line is to give, so both are iterated to a fixed point.

The forward is well determined by a few pairs at the money; the slope of the line, and with it the rate, is not, least of all near expiry.
The rates of all expiries are therefore pooled, and each is shrunk to the pooled one by the precision of its own line.

References
----------
Stoll, H. R. (1969). The relationship between put and call option prices. J. Finance 24(5).
Burkovska, O. et al. (2018). Calibration to American options: numerical investigation of the de-Americanization method.
Quantitative Finance 18(7), section 2.2.
Beaton, A. E. and Tukey, J. W. (1974). The fitting of power series. Technometrics 16(2) (the robust weights).
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wheelhouse.errors import InvalidInput
from wheelhouse.market.chain import ChainSnapshot
from wheelhouse.market.instruments import Exercise
from wheelhouse.pricing.american import american_implied_volatility
from wheelhouse.pricing.black_scholes import price

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Indices = NDArray[np.intp]

# Pairs within this many standard deviations of the spot inform; further out early exercise and wide quotes take over.
_WINDOW_DEVIATIONS: Final = 0.6
_LEAST_PAIRS: Final = 5
_TICK: Final = 0.01
_BISQUARE: Final = 4.685
_TO_DEVIATION: Final = 1.4826
_ROBUST_STEPS: Final = 12
_FIXED_POINT_STEPS: Final = 12
_SETTLED: Final = 1e-6
_WIDEST_SPREAD: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """What put-call parity says about one expiry.

    Attributes
    ----------
    years
        To expiry, Act/365.
    forward
        USD per share.
    forward_error
        Standard error of the forward, USD, from the spreads of the pairs.
    discount
        Present value of one USD at expiry.
    rate
        ``-ln(discount) / years``, continuous.
    dividend_yield
        ``rate - ln(forward / spot) / years``, continuous: dividends and borrowing, and what the spot lags behind the options.
    pairs
        How many pairs of call and put inform, outliers not counted.
    """

    expiry: date
    years: float
    forward: float
    forward_error: float
    discount: float
    rate: float
    dividend_yield: float
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pairs:
    """Calls and puts of common strikes in one expiry, (n,): rows of the chain, ascending by strike."""

    expiry: date
    years: float
    strike: Floats
    call: Indices
    put: Indices
    deviation: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    centre: float
    level: float
    level_error: float
    slope: float
    slope_error: float
    pairs: int


def tradeable(chain: ChainSnapshot, stale: Booleans | None = None) -> Booleans:
    """Where a quote can imply something: standard contract, bid above zero, not crossed, not stale; shape ``(n_contracts,)``.

    Raises
    ------
    InvalidInput
        `stale` of another shape than ``(n_contracts,)``.
    """
    old = np.zeros(len(chain), dtype=np.bool_) if stale is None else np.asarray(stale, dtype=np.bool_)
    if old.shape != (len(chain),):
        raise InvalidInput(f"quotes of {chain.underlying}: stale has shape {old.shape}, expected ({len(chain)},)")
    finite = np.isfinite(chain.bid) & np.isfinite(chain.ask)
    usable: Booleans = finite & (chain.bid > 0.0) & (chain.ask >= chain.bid) & chain.standard & ~old
    return usable


def parity_forwards(
    chain: ChainSnapshot,
    *,
    stale: Booleans | None = None,
    rate_uncertainty: float = 0.02,
    rate_dispersion: float = 0.005,
) -> tuple[Forward, ...]:
    """Forward and discount of every expiry that has pairs of quotes, ascending by expiry.

    Parameters
    ----------
    stale
        Quotes that are too old to imply anything, ``(n_contracts,)``; none by default.
    rate_uncertainty
        Standard deviation of the true rate around the chain's; 0 keeps the chain's rate, a large one leaves it to the quotes.
    rate_dispersion
        Standard deviation of the rates of single expiries around their common level.

    Returns
    -------
    Expiries with fewer than two pairs of two-sided quotes are left out; a chain without any, or without a spot, gives ``()``.

    Raises
    ------
    InvalidInput
        A negative uncertainty or dispersion; `stale` of another shape than ``(n_contracts,)``.
    """
    for name, value in (("rate_uncertainty", rate_uncertainty), ("rate_dispersion", rate_dispersion)):
        if not value >= 0.0:
            raise InvalidInput(f"forwards of {chain.underlying}: {name} is {value}, give zero or more")
    usable = tradeable(chain, stale)
    if not np.isfinite(chain.spot):
        return ()
    groups = [pairs for day in chain.expiries if (pairs := _pairs(chain, usable, day)) is not None]
    if not groups:
        return ()
    american = chain.exercise is Exercise.AMERICAN
    rates = np.full(len(groups), chain.rate)
    yields = np.full(len(groups), chain.dividend_yield)
    found: tuple[Forward, ...] = ()
    for _ in range(_FIXED_POINT_STEPS):
        lines = _lines(chain, groups, rates, yields, american=american)
        rates_next = _pooled(lines, groups, chain.rate, rate_uncertainty, rate_dispersion)
        found = tuple(
            _forward(chain.spot, pairs, line, float(rate))
            for pairs, line, rate in zip(groups, lines, rates_next, strict=True)
        )
        moved = float(np.max(np.abs(rates_next - rates)))
        rates, yields = rates_next, np.array([each.dividend_yield for each in found])
        if moved < _SETTLED:
            break
    return tuple(each for each in found if each.pairs >= 2 and np.isfinite(each.dividend_yield))


def _pairs(chain: ChainSnapshot, usable: Booleans, day: date) -> _Pairs | None:
    """The pairs of one expiry that are near the money; None if there are fewer than two."""
    mid = 0.5 * (chain.bid + chain.ask)
    narrow = usable & (chain.ask - chain.bid <= _WIDEST_SPREAD * mid)
    rows = np.flatnonzero(narrow & (chain.expiry == np.datetime64(day, "D")))
    calls, puts = rows[chain.is_call[rows]], rows[~chain.is_call[rows]]
    strike, at_call, at_put = np.intersect1d(chain.strike[calls], chain.strike[puts], return_indices=True)
    if strike.size < 2:
        return None
    call, put = calls[at_call], puts[at_put]
    # A straddle at the money is worth sqrt(2 / pi) standard deviations of the spot (Brenner and Subrahmanyam 1988).
    middle = int(np.argmin(np.abs(mid[call] - mid[put])))
    straddle = float(mid[call[middle]] + mid[put[middle]])
    width = _WINDOW_DEVIATIONS * straddle * np.sqrt(np.pi / 2.0)
    distance = np.abs(strike - strike[middle])
    near = distance <= max(width, float(np.sort(distance)[:_LEAST_PAIRS][-1]))
    spread = chain.ask - chain.bid
    half = 0.5 * (np.maximum(spread[call], _TICK) + np.maximum(spread[put], _TICK))
    return _Pairs(
        expiry=day,
        years=float(chain.years_to_expiry[rows[0]]),
        strike=strike[near],
        call=call[near],
        put=put[near],
        deviation=half[near],
    )


def _lines(chain: ChainSnapshot, groups: list[_Pairs], rates: Floats, yields: Floats, *, american: bool) -> list[_Line]:
    """A line through the European call less put of each expiry, with early exercise taken out at these rates and yields."""
    mid = 0.5 * (chain.bid + chain.ask)
    rows = np.concatenate([np.concatenate([pairs.call, pairs.put]) for pairs in groups])
    sizes = [2 * pairs.strike.size for pairs in groups]
    value = mid[rows]
    if american:
        rate, dividend_yield = np.repeat(rates, sizes), np.repeat(yields, sizes)
        market = (chain.spot, chain.strike[rows], chain.years_to_expiry[rows])
        volatility = american_implied_volatility(value, *market, rate, dividend_yield, chain.is_call[rows]).volatility
        value = price(*market, volatility, rate, dividend_yield, chain.is_call[rows])
    lines = []
    for pairs, part, rate_ in zip(groups, np.split(value, np.cumsum(sizes)[:-1]), rates, strict=True):
        calls, puts = np.split(part, 2)
        lines.append(_line(pairs, calls - puts, float(np.exp(-rate_ * pairs.years))))
    return lines


def _line(pairs: _Pairs, difference: Floats, discount: float) -> _Line:
    """Robust weighted least squares of call less put on the strike, started from the median forward at `discount`."""
    known = np.isfinite(difference)
    strike, y, deviation = pairs.strike[known], difference[known], pairs.deviation[known]
    if strike.size < 2:
        return _Line(centre=np.nan, level=np.nan, level_error=np.inf, slope=1.0, slope_error=np.inf, pairs=0)
    forward = float(np.median(strike + y / discount))
    residual = y - discount * (forward - strike)
    precision = 1.0 / deviation**2
    centre, level, slope = forward, 0.0, discount
    weight = precision
    for _ in range(_ROBUST_STEPS):
        standard = residual / deviation
        scale = max(1.0, _TO_DEVIATION * float(np.median(np.abs(standard))))
        weight = precision * np.maximum(1.0 - (standard / (_BISQUARE * scale)) ** 2, 0.0) ** 2
        total = float(weight.sum())
        centre = float(weight @ strike) / total
        offset = strike - centre
        leverage = float(weight @ offset**2)
        if leverage <= 0.0:
            break
        before = (level, slope)
        level, slope = float(weight @ y) / total, -float(weight @ (offset * y)) / leverage
        residual = y - level + slope * offset
        if abs(level - before[0]) + abs(slope - before[1]) < _SETTLED * deviation.min():
            break
    used = weight > 0.0
    offset = strike[used] - centre
    leverage = float(weight[used] @ offset**2)
    return _Line(
        centre=centre,
        level=level,
        level_error=1.0 / float(np.sqrt(weight.sum())),
        slope=slope,
        slope_error=1.0 / float(np.sqrt(leverage)) if leverage > 0.0 else np.inf,
        pairs=int(used.sum()),
    )


def _pooled(
    lines: list[_Line], groups: list[_Pairs], chain_rate: float, uncertainty: float, dispersion: float
) -> Floats:
    """Rate of each expiry: its own line's, shrunk to the common level, itself shrunk to the chain's rate."""
    years = np.array([pairs.years for pairs in groups])
    slope = np.array([line.slope for line in lines])
    slope_error = np.array([line.slope_error for line in lines])
    usable = (slope > 0.0) & np.isfinite(slope_error)
    own = np.where(usable, -np.log(np.where(usable, slope, 1.0)) / years, 0.0)
    variance = np.where(usable, (slope_error / np.where(usable, slope, 1.0) / years) ** 2, np.inf)
    if uncertainty == 0.0:
        return np.full(years.size, chain_rate)
    precision = 1.0 / (variance + dispersion**2)
    weight = 1.0 / uncertainty**2
    common = (float(precision @ own) + weight * chain_rate) / (float(precision.sum()) + weight)
    # With an infinite variance the own rate drops out; with no dispersion all share the common level.
    shrink = dispersion**2 / (dispersion**2 + variance) if dispersion > 0.0 else np.zeros(years.size)
    rates: Floats = common + shrink * (own - common)
    return rates


def _forward(spot: float, pairs: _Pairs, line: _Line, rate: float) -> Forward:
    discount = float(np.exp(-rate * pairs.years))
    forward = line.centre + line.level / discount
    return Forward(
        expiry=pairs.expiry,
        years=pairs.years,
        forward=forward,
        forward_error=line.level_error / discount,
        discount=discount,
        rate=rate,
        dividend_yield=rate - float(np.log(forward / spot)) / pairs.years if forward > 0.0 else np.nan,
        pairs=line.pairs,
    )
