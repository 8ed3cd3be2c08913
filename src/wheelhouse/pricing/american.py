"""American options on an asset with a continuous yield: price, greeks, implied volatility.

The value is the European one plus the early exercise premium along the exercise boundary (`early_exercise`, `exercise_boundary`).
A call with spot S, strike K, rate r and yield q is worth what a put with spot K, strike S, rate q and yield r is worth, so one
kernel for puts serves both. All functions broadcast and give NaN as in `black_scholes`; besides, NaN marks the one case that has
two exercise boundaries (a put with ``yield < rate < 0``, a call with ``rate < yield < 0``), which no listed equity option meets.

References
----------
McDonald, R. and Schroder, M. (1998). A parity result for American options. J. Computational Finance 1(3), proposition 1.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wheelhouse.pricing.black_scholes import DAYS_PER_YEAR, Greeks, european_greeks, european_price
from wheelhouse.pricing.early_exercise import (
    Premium,
    Puts,
    early_exercise_premium,
    early_exercise_values,
    premium_slopes,
)
from wheelhouse.pricing.exercise_boundary import Effort
from wheelhouse.pricing.implied import ImpliedVolatility, implied_volatility
from wheelhouse.pricing.inputs import OptionInputs, option_inputs
from wheelhouse.pricing.normalised_black import black_slope, log_ratio

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Indices = NDArray[np.intp]

EFFORT = Effort(nodes=7, boundary_points=16, steps=3, premium_points=32)
# The solver's later evaluations improve the boundary that its first one leaves.
_FIRST_EFFORT = replace(EFFORT, steps=2)

# Below this total deviation nothing is left but the deterministic path.
_NO_DEVIATION = 1e-7
_RATE_BUMP = 1e-5
_VOLATILITY_BUMP = 1e-4
_MAX_SOLVER_STEPS = 60
_SETTLED = 1e-10
# Relative misses below this may be rounding, and need not halve.
_ROUNDING = 1e-9
_EPSILON = 1e-13
# Relative move of volatility after which a boundary is still good enough to start from.
_NEIGHBOURHOOD = 0.05
# Closer than this to its lower bound, in strikes, the kernel does not resolve an in-the-money price.
_UNRESOLVED = 1e-8


def american_price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> Floats:
    """Value of American options for one share of underlying; parameters as of `black_scholes.price`.

    Never below the European value nor below the intrinsic value. Error against the exact value, in units of
    the larger of spot and strike: below 3e-6 for up to three years and rates up to 8 %, mostly below 2e-7; below 2e-5 for volatilities
    from 3 % to 200 %, up to ten years and rates up to 20 %.
    """
    inputs = option_inputs(spot, strike, years, volatility, rate, dividend_yield, is_call)
    flat = _flatten(inputs)
    kinds = _classify(flat)
    value = european_price(flat)
    _price_early(flat, kinds.early, value)
    value = np.where(kinds.deterministic, _best_deterministic(flat)[0], value)
    value = np.where(kinds.two_boundaries | ~flat.valid, np.nan, value)
    return value.reshape(inputs.shape)


def american_greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> Greeks:
    """Greeks of American options; units as of `black_scholes.Greeks`.

    Delta and gamma are derivatives of the pricing integral, theta follows from them by the Black-Scholes equation, vega and rho
    are European plus a central difference of the premium. Where exercise at once is optimal an option moves with its intrinsic
    value: delta is plus or minus 1 and the rest is 0. At a rate of exactly zero, where early exercise of a put begins to pay, rho is that
    of the lower side.
    """
    inputs = option_inputs(spot, strike, years, volatility, rate, dividend_yield, is_call)
    flat = _flatten(inputs)
    kinds = _classify(flat)
    european = european_greeks(flat)
    value = european_price(flat)
    delta, gamma = european.delta, european.gamma
    theta, vega, rho = european.theta_per_day, european.vega_per_vol_point, european.rho_per_rate_point
    early = np.flatnonzero(kinds.early)
    if early.size:
        part = _take(flat, early)
        puts = _as_puts(part)
        premium = early_exercise_premium(puts, EFFORT)
        slope, bend = premium_slopes(puts, premium.boundary, EFFORT)
        call = part.sign > 0.0
        mirrored_slope = (premium.value - part.strike * slope) / part.spot
        own_value = value[early] + premium.value
        own_delta = delta[early] + np.where(call, mirrored_slope, slope)
        own_gamma = gamma[early] + bend * np.where(call, (part.strike / part.spot) ** 2, 1.0)
        own_theta = (
            part.rate * own_value
            - (part.rate - part.dividend_yield) * part.spot * own_delta
            - 0.5 * (part.volatility * part.spot) ** 2 * own_gamma
        ) / DAYS_PER_YEAR
        own_vega = vega[early] + _premium_vega(puts, premium) / 100.0
        own_rho = rho[early] + _premium_rho(part, puts, premium) / 100.0
        held = ~(premium.exercised | (own_value <= part.sign * (part.spot - part.strike)))
        delta[early] = np.where(held, own_delta, part.sign)
        gamma[early] = np.where(held, own_gamma, 0.0)
        theta[early] = np.where(held, own_theta, 0.0)
        vega[early] = np.where(held, own_vega, 0.0)
        rho[early] = np.where(held, own_rho, 0.0)
    certain = kinds.deterministic & (flat.years > 0.0)
    if np.any(certain):
        worth, waiting = _best_deterministic(flat)
        alive = worth > 0.0
        carried = np.where(alive, flat.sign * np.exp(-flat.dividend_yield * waiting), 0.0)
        owed = np.where(alive, flat.sign * flat.strike * np.exp(-flat.rate * waiting), 0.0)
        # Value only decays while it waits for a fixed expiry; a later optimal moment merely comes nearer.
        to_expiry = np.where(waiting == flat.years, 1.0, 0.0)
        drift = to_expiry * (flat.dividend_yield * flat.spot * carried - flat.rate * owed)
        delta = np.where(certain, carried, delta)
        gamma = np.where(certain, 0.0, gamma)
        theta = np.where(certain, drift / DAYS_PER_YEAR, theta)
        vega = np.where(certain, 0.0, vega)
        rho = np.where(certain, waiting * owed / 100.0, rho)

    def shaped(values: Floats) -> Floats:
        return np.where(kinds.two_boundaries | ~flat.valid, np.nan, values).reshape(inputs.shape)

    return Greeks(
        delta=shaped(delta),
        gamma=shaped(gamma),
        theta_per_day=shaped(theta),
        vega_per_vol_point=shaped(vega),
        rho_per_rate_point=shaped(rho),
    )


def american_implied_volatility(
    price: ArrayLike,
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> ImpliedVolatility:
    """Volatility at which the American value equals the price; parameters as of `implied.implied_volatility`.

    Notes
    -----
    The European volatility of the price is an upper bound, because an American option is worth no less; a secant method descends
    from it inside a bracket, each iterate starting from the boundary of the one before. A price at the intrinsic value may mean any
    volatility under which one exercises at once: it counts as `below_intrinsic`.
    """
    inputs = option_inputs(spot, strike, years, 1.0, rate, dividend_yield, is_call)
    given = np.asarray(price, dtype=np.float64)
    shape = np.broadcast_shapes(inputs.shape, given.shape)
    flat = _flatten(inputs, shape)
    target = np.broadcast_to(given, shape).ravel()
    kinds = _classify(flat)
    asked = flat.valid & ~kinds.two_boundaries & (flat.years > 0.0) & np.isfinite(target)
    bound, _ = _best_deterministic(flat)
    slack = np.where(bound > 0.0, _UNRESOLVED * np.maximum(flat.strike, flat.spot), 0.0)
    european = implied_volatility(
        target, flat.spot, flat.strike, flat.years, flat.rate, flat.dividend_yield, flat.sign > 0.0
    )
    never = asked & ~kinds.early
    below = np.where(never, european.below_intrinsic, asked & (target - bound <= slack))
    above = np.where(
        never, european.above_maximum, asked & (target >= np.where(flat.sign > 0.0, flat.spot, flat.strike))
    )
    volatility = np.where(never, european.volatility, np.nan)
    wanted = np.flatnonzero(asked & kinds.early & ~below & ~above)
    if wanted.size:
        # Between the European maximum and its own a price has no European volatility: start high.
        highest = np.where(european.above_maximum, 4.0 / np.sqrt(flat.years), european.volatility)[wanted]
        start = np.where(np.isfinite(highest) & (highest > 0.0), highest, 1.0)
        capped = np.isfinite(highest) & ~european.above_maximum[wanted]
        volatility[wanted] = _solve(_take(flat, wanted), target[wanted], start, capped)
    return ImpliedVolatility(
        volatility=volatility.reshape(shape), below_intrinsic=below.reshape(shape), above_maximum=above.reshape(shape)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kinds:
    early: Booleans
    deterministic: Booleans
    two_boundaries: Booleans


def _flatten(inputs: OptionInputs, shape: tuple[int, ...] | None = None) -> OptionInputs:
    target = inputs.shape if shape is None else shape

    def flat(values: Floats) -> Floats:
        return np.broadcast_to(values, target).ravel()

    return OptionInputs(
        spot=flat(inputs.spot),
        strike=flat(inputs.strike),
        years=flat(inputs.years),
        volatility=flat(inputs.volatility),
        rate=flat(inputs.rate),
        dividend_yield=flat(inputs.dividend_yield),
        sign=flat(inputs.sign),
        valid=np.broadcast_to(inputs.valid, target).ravel(),
    )


def _take(inputs: OptionInputs, index: Indices, volatility: Floats | None = None) -> OptionInputs:
    return OptionInputs(
        spot=inputs.spot[index],
        strike=inputs.strike[index],
        years=inputs.years[index],
        volatility=inputs.volatility[index] if volatility is None else volatility,
        rate=inputs.rate[index],
        dividend_yield=inputs.dividend_yield[index],
        sign=inputs.sign[index],
        valid=inputs.valid[index],
    )


def _classify(inputs: OptionInputs) -> _Kinds:
    """What may be exercised early, by the rate and yield of the mirrored put."""
    call = inputs.sign > 0.0
    gain = np.where(call, inputs.dividend_yield, inputs.rate)
    loss = np.where(call, inputs.rate, inputs.dividend_yield)
    can = (gain > 0.0) | (loss < gain)
    two = (gain < 0.0) & (loss < gain)
    deterministic = inputs.volatility * np.sqrt(inputs.years) < _NO_DEVIATION
    return _Kinds(
        early=inputs.valid & can & ~two & ~deterministic,
        deterministic=inputs.valid & ~two & deterministic,
        two_boundaries=two,
    )


def _as_puts(inputs: OptionInputs) -> Puts:
    call = inputs.sign > 0.0
    return Puts(
        spot=np.where(call, inputs.strike, inputs.spot),
        strike=np.where(call, inputs.spot, inputs.strike),
        years=inputs.years,
        volatility=inputs.volatility,
        rate=np.where(call, inputs.dividend_yield, inputs.rate),
        dividend_yield=np.where(call, inputs.rate, inputs.dividend_yield),
    )


def _price_early(inputs: OptionInputs, early: Booleans, value: Floats) -> None:
    """Turn the European values where `early` into American ones, in place."""
    index = np.flatnonzero(early)
    if index.size:
        part = _take(inputs, index)
        premium, exercised = early_exercise_values(_as_puts(part), EFFORT)
        value[index] = _held_or_exercised(part, value[index], premium, exercised)


def _held_or_exercised(inputs: OptionInputs, european: Floats, premium: Floats, exercised: Booleans) -> Floats:
    intrinsic = inputs.sign * (inputs.spot - inputs.strike)
    # The best of the deterministic path is a floor that quadrature can miss when next to no volatility is left.
    held = np.maximum(european + np.maximum(premium, 0.0), _best_deterministic(inputs)[0])
    return np.where(exercised, intrinsic, held)


def _best_deterministic(inputs: OptionInputs) -> tuple[Floats, Floats]:
    """Value without any volatility, and the moment, in years, at which one then exercises.

    The discounted payoff along the forward is greatest now, at expiry, or where its derivative vanishes in between.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        turn = (np.log(inputs.rate / inputs.dividend_yield) - log_ratio(inputs.spot, inputs.strike)) / (
            inputs.rate - inputs.dividend_yield
        )
    turn = np.where(np.isfinite(turn), np.clip(turn, 0.0, inputs.years), 0.0)
    best = np.zeros_like(inputs.spot)
    moment = inputs.years.copy()
    for when in (inputs.years, turn, np.zeros_like(turn)):
        payoff = inputs.sign * (
            inputs.spot * np.exp(-inputs.dividend_yield * when) - inputs.strike * np.exp(-inputs.rate * when)
        )
        better = payoff > best
        best = np.where(better, payoff, best)
        moment = np.where(better, when, moment)
    return best, moment


def _premium_vega(puts: Puts, base: Premium) -> Floats:
    up, down = (1.0 + _VOLATILITY_BUMP) * puts.volatility, (1.0 - _VOLATILITY_BUMP) * puts.volatility
    higher = early_exercise_premium(_bumped(puts, volatility=up), EFFORT, base.boundary)
    lower = early_exercise_premium(_bumped(puts, volatility=down), EFFORT, base.boundary)
    slope: Floats = (higher.value - lower.value) / (up - down)
    return slope


def _premium_rho(inputs: OptionInputs, puts: Puts, base: Premium) -> Floats:
    """By the rate of the option itself, which is the yield of a call's mirrored put."""
    call = inputs.sign > 0.0
    # A put's rate stays positive, where early exercise pays; next to zero the difference is one-sided.
    central = call | (inputs.rate > 2.0 * _RATE_BUMP)
    values = []
    for bump in (np.full(inputs.rate.shape, _RATE_BUMP), np.where(central, -_RATE_BUMP, 0.0)):
        moved = _bumped(
            puts,
            rate=np.where(call, puts.rate, puts.rate + bump),
            dividend_yield=np.where(call, puts.dividend_yield + bump, puts.dividend_yield),
        )
        values.append(early_exercise_premium(moved, EFFORT, base.boundary).value)
    slope: Floats = (values[0] - values[1]) / np.where(central, 2.0 * _RATE_BUMP, _RATE_BUMP)
    return slope


def _bumped(
    puts: Puts, *, volatility: Floats | None = None, rate: Floats | None = None, dividend_yield: Floats | None = None
) -> Puts:
    return Puts(
        spot=puts.spot,
        strike=puts.strike,
        years=puts.years,
        volatility=puts.volatility if volatility is None else volatility,
        rate=puts.rate if rate is None else rate,
        dividend_yield=puts.dividend_yield if dividend_yield is None else dividend_yield,
    )


def _solve(inputs: OptionInputs, target: Floats, start: Floats, capped: Booleans) -> Floats:
    """Volatilities of options that may be exercised early; `capped` tells where `start` is an upper bound.

    One-dimensional arrays. What does not settle within the step limit keeps the middle of its last bracket.
    """
    size = target.size
    volatility = start.copy()
    low = np.zeros(size)
    high = np.where(capped, start * (1.0 + 1e-12), np.inf)
    last_volatility = np.full(size, np.nan)
    last_miss = np.full(size, np.nan)
    boundary: Floats | None = None
    active = np.arange(size)
    for _ in range(_MAX_SOLVER_STEPS):
        part = _take(inputs, active, volatility[active])
        premium = early_exercise_premium(_as_puts(part), _FIRST_EFFORT, boundary)
        value = _held_or_exercised(part, european_price(part), premium.value, premium.exercised)
        miss = value - target[active]
        now = part.volatility
        too_high = miss > 0.0
        high[active] = np.where(too_high, np.minimum(high[active], now), high[active])
        low[active] = np.where(too_high, low[active], np.maximum(low[active], now))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            secant = (miss - last_miss[active]) / (now - last_volatility[active])
            slope = np.where(np.isfinite(secant) & (secant > 0.0), secant, _european_vega(part))
            moved = now - miss / slope
        floor, roof = low[active], high[active]
        # Where one exercises at once the value does not depend on volatility, and a secant through it misleads.
        flat = premium.exercised
        slow = np.abs(miss) > np.maximum(0.5 * np.abs(last_miss[active]), _ROUNDING * target[active])
        inside = np.isfinite(moved) & (moved > floor) & (moved < roof) & ~flat & ~slow
        middle = np.where(np.isfinite(roof), 0.5 * (floor + roof), 2.0 * now)
        moved = np.where(inside, np.minimum(moved, 2.0 * now), middle)
        closed = np.isfinite(roof) & (roof - floor <= _SETTLED * roof)
        hit = np.abs(miss) <= _EPSILON * target[active]
        settled = hit | (inside & (np.abs(moved - now) <= _SETTLED * now)) | closed
        last_volatility[active] = np.where(flat, np.nan, now)
        last_miss[active] = np.where(flat, np.nan, miss)
        volatility[active] = np.where(hit, now, moved)
        going = np.flatnonzero(~settled)
        if going.size == 0:
            break
        # The boundary's distance from its end grows about in proportion to volatility.
        growth = np.where(np.abs(moved / now - 1.0) <= _NEIGHBOURHOOD, moved / now, np.nan)
        boundary = (premium.boundary * growth[:, None])[going]
        active = active[going]
    return volatility


def _european_vega(inputs: OptionInputs) -> Floats:
    with np.errstate(under="ignore"):
        root_years = np.sqrt(inputs.years)
        discounted = inputs.spot * inputs.strike * np.exp(-(inputs.rate + inputs.dividend_yield) * inputs.years)
        x = log_ratio(inputs.spot, inputs.strike) + (inputs.rate - inputs.dividend_yield) * inputs.years
        slope: Floats = np.sqrt(discounted) * black_slope(x, inputs.volatility * root_years) * root_years
    return slope
