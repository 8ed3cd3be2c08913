"""Option prices of the simulated chains: an SSVI smile and a quadratic approximation of American prices.

Both are small and self-contained on purpose: a feed may not lean on the pricing that is later judged by its data.

References
----------
Gatheral, J. and Jacquier, A. (2014). Arbitrage-free SVI volatility surfaces. Quantitative Finance 14(1), equations 4.1 and 4.5.
Barone-Adesi, G. and Whaley, R. (1987). Efficient analytic approximation of American option values. Journal of Finance 42(2).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from wheelhouse.errors import InvalidInput

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_NEWTON_STEPS: Final = 12
# At a rate or yield of zero early exercise never pays and the critical spot runs off to zero or infinity.
_LEAST_RATE: Final = 1e-5
_REVERSION: Final = 1.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Smile:
    """The shape of an SSVI surface with a power-law curvature.

    Raises
    ------
    InvalidInput
        If eta (1 + abs(rho)) > 2 or gamma lies outside (0, 1/2], where butterfly arbitrage becomes possible.
    """

    rho: float
    eta: float
    gamma: float

    def __post_init__(self) -> None:
        if self.eta * (1 + abs(self.rho)) > 2 or not 0 < self.gamma <= 0.5 or abs(self.rho) >= 1:
            raise InvalidInput(f"smile rho {self.rho}, eta {self.eta}, gamma {self.gamma} admits butterfly arbitrage")


def at_the_money_variance(years: FloatArray, short_volatility: float, long_volatility: float) -> FloatArray:
    """Give the total variance at the money, rising in time: variance reverts from a short-run level to a long-run one."""
    decay = -np.expm1(-_REVERSION * years) / _REVERSION
    return np.asarray(long_volatility**2 * years + (short_volatility**2 - long_volatility**2) * decay)


def smile_volatility(log_moneyness: FloatArray, variance: FloatArray, years: FloatArray, smile: Smile) -> FloatArray:
    """Give the implied volatility at log(strike / forward), `variance` being the total variance at the money."""
    phi = smile.eta / (variance**smile.gamma * (1 + variance) ** (1 - smile.gamma))
    x = phi * log_moneyness
    rho = smile.rho
    total = variance / 2 * (1 + rho * x + np.sqrt((x + rho) ** 2 + 1 - rho**2))
    return np.asarray(np.sqrt(total / years))


def american_price(
    spot: float,
    strike: FloatArray,
    years: FloatArray,
    volatility: FloatArray,
    rate: float,
    dividend_yield: float,
    is_call: BoolArray,
) -> FloatArray:
    """Price American options, shape (n,), USD per share; never below intrinsic value."""
    sign = np.where(is_call, 1.0, -1.0)
    european = _european(spot, strike, years, volatility, rate, dividend_yield, sign)
    # Early exercise of a call takes a dividend yield, of a put a rate.
    early = np.where(is_call, dividend_yield > _LEAST_RATE, rate > _LEAST_RATE)
    premium = _early_exercise_premium(
        spot, strike, years, volatility, max(rate, _LEAST_RATE), max(dividend_yield, _LEAST_RATE), sign
    )
    price = np.where(early, european + premium, european)
    return np.asarray(np.maximum(price, np.maximum(sign * (spot - strike), 0.0)))


def _european(
    spot: float | FloatArray,
    strike: FloatArray,
    years: FloatArray,
    volatility: FloatArray,
    rate: float,
    dividend_yield: float,
    sign: FloatArray,
) -> FloatArray:
    deviation = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate - dividend_yield) * years) / deviation + deviation / 2
    paid = strike * np.exp(-rate * years) * ndtr(sign * (d1 - deviation))
    return np.asarray(sign * (spot * np.exp(-dividend_yield * years) * ndtr(sign * d1) - paid))


def _early_exercise_premium(
    spot: float,
    strike: FloatArray,
    years: FloatArray,
    volatility: FloatArray,
    rate: float,
    dividend_yield: float,
    sign: FloatArray,
) -> FloatArray:
    """Find the critical spot by Newton's method from Barone-Adesi and Whaley's seed, then the premium (their equations 20 and 25)."""
    carry = rate - dividend_yield
    deviation = volatility * np.sqrt(years)
    variance = volatility**2
    m, n = 2 * rate / variance, 2 * carry / variance
    q = (1 - n + sign * np.sqrt((n - 1) ** 2 + 4 * m / -np.expm1(-rate * years))) / 2
    q_forever = (1 - n + sign * np.sqrt((n - 1) ** 2 + 4 * m)) / 2
    forever = strike / (1 - 1 / q_forever)
    reach = (sign * carry * years + 2 * deviation) * strike / (sign * (forever - strike))
    critical = np.where(
        sign > 0,
        strike + (forever - strike) * -np.expm1(-np.maximum(reach, 0)),
        forever + (strike - forever) * np.exp(-np.maximum(reach, 0)),
    )
    fade = np.exp(-dividend_yield * years)

    def slack(at: FloatArray) -> FloatArray:
        d1 = (np.log(at / strike) + carry * years) / deviation + deviation / 2
        return np.asarray(1 - fade * ndtr(sign * d1))

    for _ in range(_NEWTON_STEPS):
        d1 = (np.log(critical / strike) + carry * years) / deviation + deviation / 2
        density = np.exp(-(d1**2) / 2) / np.sqrt(2 * np.pi)
        open_ = slack(critical)
        held = _european(critical, strike, years, volatility, rate, dividend_yield, sign) + sign * open_ * critical / q
        slope = fade * ndtr(sign * d1) * (1 - 1 / q) * sign + sign * (1 - sign * fade * density / deviation) / q
        target = (strike + sign * held - slope * sign * critical) / (1 - sign * slope)
        critical = np.where(sign > 0, np.maximum(target, strike), np.clip(target, 1e-3 * strike, strike))
    held_open = slack(critical) * critical * sign / q
    premium = held_open * np.power(spot / critical, q)
    exercised = sign * (spot - critical) >= 0
    intrinsic = sign * (spot - strike)
    return np.asarray(
        np.where(exercised, intrinsic - _european(spot, strike, years, volatility, rate, dividend_yield, sign), premium)
    )
