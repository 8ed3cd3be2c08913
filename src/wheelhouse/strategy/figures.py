"""The numbers of a chain that a seller of options looks at, as columns, and the row of one contract.

Sales are valued at the bid. The yield is bid / (strike - bid) for puts and calls alike: what a secured put ties up, and for a call
struck at or above the market never more than the shares would give, so both stand in one ranking.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from wheelhouse.market.calendar import new_york_date
from wheelhouse.market.instruments import Right
from wheelhouse.pricing.valuation import ValuedChain
from wheelhouse.strategy.advice import Figures
from wheelhouse.strategy.calendar_events import next_dividend, next_earnings
from wheelhouse.strategy.views import UnderlyingView

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Derived columns of a chain, each of shape (n_contracts,); NaN where a quote is missing.

    Attributes
    ----------
    dte
        New York dates to the symbol's expiry.
    spread_fraction
        (ask - bid) / mid.
    otm_fraction
        Distance from spot to strike over spot, negative in the money.
    """

    dte: IntArray
    mid: FloatArray
    spread: FloatArray
    spread_fraction: FloatArray
    otm_fraction: FloatArray
    raw_yield: FloatArray
    annualized_yield: FloatArray


def columns(valued: ValuedChain, now: datetime) -> Columns:
    """Compute the columns of a chain at a moment."""
    chain = valued.chain
    dte = (chain.expiry.astype("datetime64[D]") - np.datetime64(new_york_date(now), "D")).astype(np.int64)
    mid, spread = (chain.bid + chain.ask) / 2, chain.ask - chain.bid
    raw = raw_yield(chain.bid, chain.strike)
    return Columns(
        dte=dte,
        mid=mid,
        spread=spread,
        spread_fraction=np.divide(spread, mid, out=np.full_like(mid, np.nan), where=mid > 0),
        otm_fraction=np.where(chain.is_call, chain.strike - chain.spot, chain.spot - chain.strike) / chain.spot,
        raw_yield=raw,
        annualized_yield=annualized(raw, dte),
    )


def raw_yield(bid: FloatArray, strike: FloatArray) -> FloatArray:
    """Return on the cash that secures a sale at the bid: bid / (strike - bid); NaN where bid is unknown or not below the strike.

    Examples
    --------
    >>> raw_yield(np.array([2.0]), np.array([102.0]))
    array([0.02])
    """
    return np.asarray(np.divide(bid, strike - bid, out=np.full(np.shape(bid), np.nan), where=strike > bid))


def annualized(raw: FloatArray, dte: IntArray) -> FloatArray:
    """Scale a yield to a year without compounding: x 365 / max(1, days to expiry)."""
    return np.asarray(raw * DAYS_A_YEAR / np.maximum(1, dte))


def figures(view: UnderlyingView, valued: ValuedChain, derived: Columns, i: int, now: datetime) -> Figures:
    """Read the row of contract `i`."""
    chain = valued.chain
    is_call = bool(chain.is_call[i])
    strike, bid = float(chain.strike[i]), known(chain.bid[i])
    expiry: date = chain.expiry[i].item()
    earnings = next_earnings(view.terms, now)
    dividend = next_dividend(view.terms, now)
    breakeven = None if bid is None else round((chain.spot if is_call else strike) - bid, 6)
    called = None if bid is None or not is_call else (strike - chain.spot + bid) / (chain.spot - bid)
    return Figures(
        symbol=chain.symbols[i],
        underlying=chain.underlying,
        right=Right.CALL if is_call else Right.PUT,
        strike=strike,
        expiry=expiry,
        last_trading_day=chain.last_trading_day[i].item(),
        dte=int(derived.dte[i]),
        spot=chain.spot,
        bid=bid,
        ask=known(chain.ask[i]),
        delta=known(valued.delta[i]),
        probability_itm=known(valued.probability_itm[i]),
        otm_fraction=float(derived.otm_fraction[i]),
        breakeven=breakeven,
        raw_yield=known(derived.raw_yield[i]),
        annualized_yield=known(derived.annualized_yield[i]),
        if_called_return=called,
        implied_volatility=known(valued.implied_volatility[i]),
        iv_rank=view.iv_rank,
        earnings=earnings.date if earnings else None,
        ex_date=dividend.ex_date if dividend else None,
        dividend=float(dividend.amount) if dividend else None,
        open_interest=known(chain.open_interest[i]),
        volume=known(chain.volume[i]),
        spread_fraction=known(derived.spread_fraction[i]),
    )


def known(value: float) -> float | None:
    """Turn NaN into None, and a numpy scalar into a float."""
    number = float(value)
    return number if math.isfinite(number) else None
