"""European options on an asset with a continuous yield: price, greeks, probability of finishing in the money.

All functions broadcast their arguments, compute in float64, return arrays of the common shape, and give NaN where an argument is
NaN, infinite or out of its domain (spot or strike not positive, time or volatility negative).

At zero time or zero volatility they return the limits: the discounted intrinsic value of the forward, a step for delta, and NaN for
gamma and theta exactly at the money, where they do not exist.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from wheelhouse.pricing.inputs import OptionInputs, option_inputs
from wheelhouse.pricing.normalised_black import black, log_ratio, normal_density

Floats = NDArray[np.float64]

DAYS_PER_YEAR = 365.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Greeks:
    """Sensitivities of options, one share of underlying each; multiply by quantity and multiplier for a position.

    Attributes
    ----------
    delta
        By spot. Negative for puts.
    gamma
        Of delta by spot.
    theta_per_day
        Change of value in one calendar day (a 365th of a year) with nothing else moving; mostly negative.
    vega_per_vol_point
        For one volatility point, 0.01.
    rho_per_rate_point
        For one point of the rate, 0.01.
    """

    delta: Floats
    gamma: Floats
    theta_per_day: Floats
    vega_per_vol_point: Floats
    rho_per_rate_point: Floats


def price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> Floats:
    """Value of European options for one share of underlying.

    Parameters
    ----------
    spot, strike
        In one currency.
    years
        To expiry (Act/365).
    volatility
        A year, 0.25 is 25 %.
    rate, dividend_yield
        Continuous, a year, of any sign.
    is_call
        True for calls, False for puts.

    Notes
    -----
    The out-of-the-money side is computed with full relative accuracy, the other side is that plus the discounted intrinsic value.

    References
    ----------
    Black, F. and Scholes, M. (1973). The pricing of options and corporate liabilities. JPE 81(3), equation 13.
    Merton, R. C. (1973). Theory of rational option pricing. Bell Journal 4(1), equation 21 with a continuous yield.
    """
    return european_price(option_inputs(spot, strike, years, volatility, rate, dividend_yield, is_call))


def european_price(inputs: OptionInputs) -> Floats:
    """Value of European options whose parameters are already broadcast; see `price`."""
    with np.errstate(under="ignore"):
        discounted_spot = inputs.spot * np.exp(-inputs.dividend_yield * inputs.years)
        discounted_strike = inputs.strike * np.exp(-inputs.rate * inputs.years)
        x = log_moneyness(inputs)
        scale = np.sqrt(discounted_spot) * np.sqrt(discounted_strike)
        time_value = scale * black(-np.abs(x), inputs.volatility * np.sqrt(inputs.years))
    intrinsic = np.where(inputs.sign * x > 0.0, inputs.sign * (discounted_spot - discounted_strike), 0.0)
    return np.where(inputs.valid, np.maximum(intrinsic, 0.0) + time_value, np.nan)


def greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> Greeks:
    """Greeks of European options; parameters as of `price`, units as of `Greeks`."""
    return european_greeks(option_inputs(spot, strike, years, volatility, rate, dividend_yield, is_call))


def european_greeks(inputs: OptionInputs) -> Greeks:
    """Greeks of European options whose parameters are already broadcast; see `greeks`."""
    sign, spot, years, volatility = inputs.sign, inputs.spot, inputs.years, inputs.volatility
    d1, d2 = _d1_d2(inputs)
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        carried = np.exp(-inputs.dividend_yield * years)
        discounted_spot = spot * carried
        discounted_strike = inputs.strike * np.exp(-inputs.rate * years)
        density = normal_density(d1)
        root_years = np.sqrt(years)
        deviation = volatility * root_years
        delta = sign * carried * ndtr(sign * d1)
        strike_leg = sign * discounted_strike * ndtr(sign * d2)
        # Where the density is 0 the quotient is 0 in the limit; at the money without time or volatility it has none.
        gamma = np.where(density > 0.0, carried * density / (spot * deviation), 0.0)
        decay = np.where(density > 0.0, 0.5 * discounted_spot * density * volatility / root_years, 0.0)
        gamma = np.where(np.isfinite(gamma), gamma, np.nan)
        decay = np.where(np.isfinite(decay), decay, np.nan)
        theta = inputs.dividend_yield * spot * delta - inputs.rate * strike_leg - decay
        vega = discounted_spot * density * root_years
        rho = years * strike_leg

    def only_valid(values: Floats) -> Floats:
        return np.where(inputs.valid, values, np.nan)

    return Greeks(
        delta=only_valid(delta),
        gamma=only_valid(gamma),
        theta_per_day=only_valid(theta / DAYS_PER_YEAR),
        vega_per_vol_point=only_valid(vega / 100.0),
        rho_per_rate_point=only_valid(rho / 100.0),
    )


def probability_itm(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> Floats:
    """Risk-neutral probability to finish in the money: N(d2) of calls, N(-d2) of puts.

    It is not a forecast, and not the absolute delta, which is N(d1) or N(-d1) before the yield. One half exactly at the money when
    neither time nor volatility is left.
    """
    inputs = option_inputs(spot, strike, years, volatility, rate, dividend_yield, is_call)
    _, d2 = _d1_d2(inputs)
    return np.where(inputs.valid, ndtr(inputs.sign * d2), np.nan)


def log_moneyness(inputs: OptionInputs) -> Floats:
    """``ln(forward / strike)``."""
    x: Floats = log_ratio(inputs.spot, inputs.strike) + (inputs.rate - inputs.dividend_yield) * inputs.years
    return x


def _d1_d2(inputs: OptionInputs) -> tuple[Floats, Floats]:
    x = log_moneyness(inputs)
    deviation = inputs.volatility * np.sqrt(inputs.years)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        h = np.where((deviation > 0.0) | (x != 0.0), x / deviation, 0.0)
    return h + 0.5 * deviation, h - 0.5 * deviation
