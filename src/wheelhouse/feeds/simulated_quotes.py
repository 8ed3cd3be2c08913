"""Option quotes around model prices: which strikes are listed, how wide they are quoted, how much they trade.

The statistics are those of real chains (AAPL 2025-10-06, GOOG 2015-12-24). Every quote's bid lies below and its ask above an arbitrage-free
price, so no combination of quotes is an executable arbitrage. What looks random is a hash of contract and day: the same question has the
same answer, a contract keeps its open interest from day to day, and the ladder of strikes may change around it without disturbing it.
"""

import zlib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtri

from wheelhouse.feeds.simulated_prices import (
    FloatArray,
    Smile,
    american_price,
    at_the_money_variance,
    smile_volatility,
)
from wheelhouse.market.frames import QUOTE_SCHEMA
from wheelhouse.market.instruments import OsiSymbol, Right

_STEPS: Final = np.array([0.5, 1, 2, 2.5, 5, 10, 20, 25, 50, 100, 200, 250, 500])
_NEAR_YEARS: Final = 75 / 365
_NEAR_STRIKES: Final = 15
_FAR_STRIKES: Final = 9
# Reach of the ladder in standard deviations of the log price: every strike in the body, every other one on the shoulders, and single
# strikes in the wings, many of them without a bid.
_BODY: Final = (-1.3, 1.2)
_SHOULDERS: Final = (-2.0, 1.8)
_WINGS: Final = (-5.0, -4.0, -3.0, 2.5, 3.3, 4.2)
_FARTHEST: Final = (-1.2, 0.9)
_LEAST_REACH_YEARS: Final = 5 / 365
_PENNY_LIMIT: Final = 3.0
_JITTER_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """How the options of one name are shaped, quoted and traded.

    Attributes
    ----------
    spread_level, spread_mid, spread_tenor, spread_wing, spread_residual
        a, b, c, d, s of ln(spread) = a + b ln(mid) + c ln(T) + d abs(k) / sqrt(T) + N(0, s), k = ln(strike / forward), T in years.
    interest_level
        Mean of ln(open interest) at the money.
    share_half_spread
        Half the width of the share's own quote, USD.
    """

    smile: Smile
    spread_level: float
    spread_mid: float
    spread_tenor: float
    spread_wing: float
    spread_residual: float
    interest_level: float
    share_half_spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the quotes of one name depend on at one moment.

    Attributes
    ----------
    elapsed
        The part of the session that has passed, 0 to 1.
    short_volatility, long_volatility
        Levels that the term structure at the money starts from and tends to.
    """

    symbol: str
    spot: float
    at: datetime
    session: date
    elapsed: float
    short_volatility: float
    long_volatility: float
    rate: float
    dividend_yield: float


def list_contracts(moment: Moment, expiries: list[date], years: FloatArray) -> list[OsiSymbol]:
    """List the contracts of the expiries, `years` (n_expiries,) being the time to each: a dense body around the spot, thin wings."""
    reach = np.sqrt(
        at_the_money_variance(np.maximum(years, _LEAST_REACH_YEARS), moment.short_volatility, moment.long_volatility)
    )
    contracts: list[OsiSymbol] = []
    for expiry, tenor, deviation in zip(expiries, years, reach, strict=True):
        count = _NEAR_STRIKES if tenor < _NEAR_YEARS else _FAR_STRIKES
        low, high = moment.spot * np.exp(np.array(_BODY) * deviation)
        step = _STEPS[min(int(np.searchsorted(_STEPS, (high - low) / count)), len(_STEPS) - 1)]
        body = np.arange(np.floor(low / step), np.ceil(high / step) + 1)
        outer = np.round(moment.spot * np.exp(np.array(_SHOULDERS) * deviation) / step / 2)
        shoulders = 2 * np.arange(outer[0], outer[1] + 1)
        wings = np.round(moment.spot * np.exp(np.clip(np.array(_WINGS) * deviation, *_FARTHEST)) / step)
        multiples = np.unique(np.concatenate([body, shoulders, wings]))
        strikes = [Decimal(int(s)).scaleb(-3) for s in np.round(multiples[multiples > 0] * step * 1000)]
        contracts.extend(
            OsiSymbol(root=moment.symbol, expiry=expiry, right=right, strike=strike)
            for strike in strikes
            for right in (Right.CALL, Right.PUT)
        )
    return contracts


def quote_contracts(
    moment: Moment, contracts: list[OsiSymbol], years: FloatArray, character: Character
) -> pl.DataFrame:
    """Quote contracts, `years` (n_contracts,) being the time to expiry of each, all above zero; returns `frames.QUOTE_SCHEMA`."""
    strike = np.array([float(c.strike) for c in contracts])
    is_call = np.array([c.right is Right.CALL for c in contracts], dtype=bool)
    forward = moment.spot * np.exp((moment.rate - moment.dividend_yield) * years)
    k = np.log(strike / forward)
    variance = at_the_money_variance(years, moment.short_volatility, moment.long_volatility)
    volatility = smile_volatility(k, variance, years, character.smile)
    fair = american_price(moment.spot, strike, years, volatility, moment.rate, moment.dividend_yield, is_call)
    noise = _Noise(contracts, moment.session)

    sign = np.where(is_call, 1.0, -1.0)
    discount = np.exp(-moment.rate * years)
    floor = np.maximum(np.maximum(sign * (moment.spot - strike), sign * discount * (forward - strike)), 0)
    bid, ask = _bid_and_ask(fair, floor, k, years, character, noise)
    score = k / np.sqrt(variance)
    interest = _open_interest(contracts, score, is_call, character, noise)
    volume = _volume(interest, score, is_call, moment.elapsed, noise)
    drift = np.clip(fair + (ask - bid) * (noise.uniform("last") - 0.5), 0.01, None)
    traded = interest + volume > 0
    sizes = [np.ceil(np.exp(3.2 + 1.1 * noise.normal(side))) for side in ("bid size", "ask size")]
    jitter = (noise.uniform("jitter") * _JITTER_SECONDS * 1000).astype("timedelta64[ms]")
    stamps = np.datetime64(moment.at.replace(tzinfo=None), "us") - jitter
    return pl.DataFrame(
        {
            "symbol": [c.text for c in contracts],
            "ts": pl.Series(stamps.astype("datetime64[us]")).dt.replace_time_zone("UTC"),
            "bid": bid,
            "ask": ask,
            "bid_size": np.where(bid > 0, sizes[0], 0.0),
            "ask_size": sizes[1],
            "last": pl.Series(np.where(traded, drift.round(2), np.nan)).fill_nan(None),
            "volume": volume,
            "open_interest": interest,
        },
        schema=QUOTE_SCHEMA,
    )


def _bid_and_ask(
    fair: FloatArray, floor: FloatArray, k: FloatArray, years: FloatArray, character: Character, noise: "_Noise"
) -> tuple[FloatArray, FloatArray]:
    """Quote a spread around the fair price, rounded outwards to ticks: 0.01 below 3, else 0.05."""
    spread = np.exp(
        character.spread_level
        + character.spread_mid * np.log(np.maximum(fair, 0.01))
        + character.spread_tenor * np.log(years)
        + character.spread_wing * np.minimum(np.abs(k) / np.sqrt(years), 3)
        + character.spread_residual * np.clip(noise.normal("spread"), -2, 2)
    )
    # Rounding outwards adds a tick on average.
    reach = np.maximum(spread - np.where(fair < _PENNY_LIMIT, 0.01, 0.05), 0) / 2
    bid = _to_tick(np.maximum(fair - reach, 0), np.floor)
    ask = _to_tick(fair + reach, np.ceil)
    tick = np.where(bid < _PENNY_LIMIT, 0.01, 0.05)
    # Mids above what the option is worth without volatility, so that every contract with a bid has an implied one; real contracts deep
    # in the money often do not.
    above = np.where(floor > 0, 2 * floor - bid + tick / 2, 0)
    return bid, _to_tick(np.maximum(np.maximum(ask, bid + tick), above), np.ceil)


def _to_tick(price: FloatArray, rounding: np.ufunc) -> FloatArray:
    # Rounding first to a billionth keeps 2.95 on its tick, which binary floats miss by an ulp.
    per_unit = np.where(price < _PENNY_LIMIT, 100.0, 20.0)
    return np.asarray((rounding((price * per_unit).round(9)) / per_unit).round(2))


def _open_interest(
    contracts: list[OsiSymbol], score: FloatArray, is_call: npt.NDArray[np.bool_], character: Character, noise: "_Noise"
) -> FloatArray:
    """Draw open interest: lognormal, more on round strikes and monthlies, less in the money and in the wings, at times none."""
    monthly = np.array([15 <= c.expiry.day <= 22 for c in contracts])
    round_strike = np.array([c.strike % 5 == 0 for c in contracts])
    in_the_money = np.where(is_call, score < -0.25, score > 0.25)
    mean = (
        character.interest_level
        - 0.3 * np.minimum(score**2, 12)
        - 0.9 * in_the_money
        + 0.8 * monthly
        + 0.6 * round_strike
    )
    drawn = np.floor(np.exp(mean + 1.25 * noise.normal("interest", lasting=True)))
    none = noise.uniform("no interest", lasting=True) < np.where(np.abs(score) > 1.5, 0.18, 0.02)
    return np.where(none, 0.0, drawn)


def _volume(
    interest: FloatArray, score: FloatArray, is_call: npt.NDArray[np.bool_], elapsed: float, noise: "_Noise"
) -> FloatArray:
    """Draw the day's volume so far; many contracts in the money or in the wings do not trade."""
    outward = np.where(is_call, score, -score)
    idle = np.where(outward < -0.25, 0.65, np.where(outward > 1.6, 0.6, 0.08))
    day = np.exp(np.log(interest + 1) - 1.6 + noise.normal("volume"))
    return np.where(noise.uniform("idle") < idle, 0.0, np.floor(day * (0.1 + 0.9 * elapsed)))


class _Noise:
    """Uniform and normal numbers that are a hash (splitmix64) of contract, day and purpose."""

    def __init__(self, contracts: list[OsiSymbol], session: date) -> None:
        keys = np.array([zlib.crc32(c.compact.encode()) for c in contracts], dtype=np.uint64)
        self._lasting = _splitmix(keys)
        self._daily = _splitmix(self._lasting ^ np.uint64(session.toordinal()))

    def uniform(self, purpose: str, *, lasting: bool = False) -> FloatArray:
        """Draw from (0, 1); lasting numbers do not change from day to day."""
        key = (self._lasting if lasting else self._daily) ^ np.uint64(zlib.crc32(purpose.encode()) << 32)
        return np.asarray(((_splitmix(key) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)

    def normal(self, purpose: str, *, lasting: bool = False) -> FloatArray:
        """Draw standard normals."""
        return np.asarray(ndtri(self.uniform(purpose, lasting=lasting)))


def _splitmix(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    # Steele, Lea, Flood (2014), Fast splittable pseudorandom number generators; products wrap on purpose.
    z = keys + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)
