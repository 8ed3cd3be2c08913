"""Independent references: QuantLib for American options, fifty-digit arithmetic for European ones."""

import warnings
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAYS = 365


@pytest.fixture(scope="session")
def quantlib_american() -> Callable[..., Floats]:
    """Values by QuantLib's most precise spectral engine; times are rounded to whole days, so pass such."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import QuantLib as ql
    today = ql.Date(2, 1, 2020)
    day_count = ql.Actual365Fixed()
    spot_quote, rate_quote, yield_quote, vol_quote = (ql.SimpleQuote(0.1) for _ in range(4))

    def flat(quote: object) -> object:
        return ql.YieldTermStructureHandle(ql.FlatForward(today, ql.QuoteHandle(quote), day_count))

    volatility = ql.BlackVolTermStructureHandle(
        ql.BlackConstantVol(today, ql.NullCalendar(), ql.QuoteHandle(vol_quote), day_count)
    )
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(spot_quote), flat(yield_quote), flat(rate_quote), volatility)
    engine = ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.highPrecisionScheme())

    def values(spot, strike, years, vol, rate, dividend_yield, is_call) -> Floats:
        arrays = np.broadcast_arrays(spot, strike, years, vol, rate, dividend_yield, is_call)
        result = np.empty(arrays[0].size)
        ql.Settings.instance().evaluationDate = today
        for i, (s, k, t, v, r, q, call) in enumerate(zip(*(a.ravel() for a in arrays), strict=True)):
            for quote, value in ((spot_quote, s), (rate_quote, r), (yield_quote, q), (vol_quote, v)):
                quote.setValue(float(value))
            days = round(float(t) * DAYS)
            assert abs(days / DAYS - t) < 1e-9, "the oracle knows whole days only"
            payoff = ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, float(k))
            option = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + days))
            option.setPricingEngine(engine)
            result[i] = option.NPV()
        return result.reshape(arrays[0].shape)

    return values


@pytest.fixture(scope="session")
def exact_european() -> Callable[..., dict[str, mpmath.mpf]]:
    """Value and greeks of one European option with fifty digits."""

    def values(spot, strike, years, vol, rate, dividend_yield, is_call) -> dict[str, mpmath.mpf]:
        with mpmath.workdps(50):
            s, k, t, v, r, q = (mpmath.mpf(float(x)) for x in (spot, strike, years, vol, rate, dividend_yield))
            w = 1 if is_call else -1
            deviation = v * mpmath.sqrt(t)
            d1 = (mpmath.log(s / k) + (r - q) * t) / deviation + deviation / 2
            d2 = d1 - deviation

            def normal(z: mpmath.mpf) -> mpmath.mpf:
                return mpmath.erfc(-z / mpmath.sqrt(2)) / 2

            density = mpmath.exp(-d1 * d1 / 2) / mpmath.sqrt(2 * mpmath.pi)
            carried, discount = mpmath.exp(-q * t), mpmath.exp(-r * t)
            spot_leg, strike_leg = w * carried * normal(w * d1), w * k * discount * normal(w * d2)
            decay = s * carried * density * v / (2 * mpmath.sqrt(t))
            return {
                "price": s * spot_leg - strike_leg,
                "delta": spot_leg,
                "gamma": carried * density / (s * deviation),
                "theta_per_day": (q * s * spot_leg - r * strike_leg - decay) / DAYS,
                "vega_per_vol_point": s * carried * density * mpmath.sqrt(t) / 100,
                "rho_per_rate_point": t * strike_leg / 100,
                "probability_itm": normal(w * d2),
            }

    return values
