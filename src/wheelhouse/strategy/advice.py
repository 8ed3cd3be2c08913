"""The answer of the strategy: recommendations with their reasons, and what was left out and why."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from wheelhouse.ledger.orders import Effect, Leg, Reason
from wheelhouse.market.instruments import Right
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.views import DataState


class Action(StrEnum):
    """What to do."""

    SELL_PUT = "sell_put"
    SELL_CALL = "sell_call"
    ROLL = "roll"
    CLOSE = "close"
    HEDGE = "hedge"
    HOLD = "hold"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a trader reads about one contract before selling it. None is unknown, never zero.

    Attributes
    ----------
    strike, spot, bid, ask, breakeven
        USD per share. Breakeven of a put is strike less bid; of a covered call spot less bid.
    dte
        New York dates to the symbol's expiry.
    delta
        Of a long contract: negative for puts.
    probability_itm
        Risk-neutral, N(-d2) of a put, N(d2) of a call.
    otm_fraction
        Distance from spot to strike over spot; negative in the money.
    raw_yield, annualized_yield
        bid / (strike - bid), and that x 365 / max(1, dte).
    if_called_return
        Of a call: (strike - spot + bid) / (spot - bid), not annualised.
    implied_volatility
        Decimal a year.
    iv_rank
        From 0 to 1.
    earnings
        Next report known; None if none is.
    ex_date, dividend
        Next known ex-date and its USD per share.
    spread_fraction
        (ask - bid) / mid.
    """

    symbol: str
    underlying: str
    right: Right
    strike: float
    expiry: date
    last_trading_day: date
    dte: int
    spot: float
    bid: float | None
    ask: float | None
    delta: float | None
    probability_itm: float | None
    otm_fraction: float
    breakeven: float | None
    raw_yield: float | None
    annualized_yield: float | None
    if_called_return: float | None
    implied_volatility: float | None
    iv_rank: float | None
    earnings: date | None
    ex_date: date | None
    dividend: float | None
    open_interest: float | None
    volume: float | None
    spread_fraction: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """What a recommendation puts at stake. USD for the whole recommendation unless said; None is undefined.

    Attributes
    ----------
    max_loss
        Not negative; the underlying at zero. Of a put (strike - premium) x 100 x contracts, of a covered call
        (spot - premium) x 100 x contracts, the shares included.
    probability_itm
        Risk-neutral probability that the short option ends in the money.
    breakeven
        USD per share.
    margin
        Collateral that the recommendation ties up; nothing beyond the shares for a covered call.
    annualized_yield
        As in `Figures`.
    """

    max_loss: float | None = None
    probability_itm: float | None = None
    breakeven: float | None = None
    margin: float | None = None
    annualized_yield: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One thing to do, or to leave, and why.

    Attributes
    ----------
    id
        Hash of everything but the rank: the same advice on the same data has the same id.
    symbol
        The underlying.
    legs, limit_price, effect
        An order as it can be sent: net USD per share of one unit. Empty and None for hold and wait.
    figures
        Of the option that would be short afterwards, or of the one that is held or closed; None for a wait.
    rank
        From 1, over all recommendations of the advice.
    """

    id: str
    action: Action
    symbol: str
    reasons: tuple[Reason, ...]
    legs: tuple[Leg, ...] = ()
    limit_price: Decimal | None = None
    effect: Effect | None = None
    risk: Risk = field(default_factory=Risk)
    figures: Figures | None = None
    rank: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """The state of the market data that advice rests on: the worst underlying's.

    Attributes
    ----------
    age_seconds
        Session time of the oldest quote; None if one is missing.
    """

    state: DataState
    age_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Everything that the strategy has to say at one moment.

    Attributes
    ----------
    rejections
        Number of contracts by the code of the rule that refused them; a contract that broke several counts under each.
    """

    as_of: datetime
    recommendations: tuple[Recommendation, ...]
    rejections: Mapping[str, int]
    data: Data


def reason(code: Code, detail: str) -> Reason:
    """Make a reason of a code of this package."""
    return Reason(code=code.value, detail=detail)


def wait(symbol: str, *reasons: Reason) -> Recommendation:
    """Recommend to do nothing about an underlying, and say why."""
    return Recommendation(id="", action=Action.WAIT, symbol=symbol, reasons=reasons)


def identified(account_id: str, recommendation: Recommendation) -> Recommendation:
    """Give a recommendation the id that its content deserves."""
    content = asdict(recommendation)
    del content["id"], content["rank"]
    text = json.dumps([account_id, content], sort_keys=True, default=str, allow_nan=False)
    return replace(recommendation, id=hashlib.sha256(text.encode()).hexdigest()[:24])


def ranked(recommendations: "list[Recommendation]") -> tuple[Recommendation, ...]:
    """Order recommendations and number them from 1.

    What is owed comes before what might be earned: closes and rolls, then sales by annualised yield at the bid, then holds, then
    waits; within those by yield (unknown last), symbol, legs and id, which is a total order.
    """
    ordered = sorted(recommendations, key=_order)
    return tuple(replace(r, rank=i) for i, r in enumerate(ordered, start=1))


_URGENCY = {
    Action.CLOSE: 0,
    Action.ROLL: 0,
    Action.HEDGE: 0,
    Action.SELL_PUT: 1,
    Action.SELL_CALL: 1,
    Action.HOLD: 2,
    Action.WAIT: 3,
}


def _order(item: Recommendation) -> tuple[int, float, str, tuple[str, ...], str]:
    worth = item.risk.annualized_yield
    return (
        _URGENCY[item.action],
        float("inf") if worth is None else -worth,
        item.symbol,
        tuple(leg.symbol for leg in item.legs),
        item.id,
    )
