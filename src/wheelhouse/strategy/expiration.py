"""What an open option will do at its expiry, or before it.

Occurrence by price alone is certain only away from the strike: within the pin width assignment is unknown until the broker's file
says so, and both outcomes are planned. Early exercise is judged by bounds that hold without a model of the whole path:

* A call is exercised early only on the eve of an ex-date, and then only if the dividend is worth more than what exercise gives up:
  the interest on the strike and the put that the call contains.
* A put is exercised early only if the interest on the strike is worth more than the call that the put contains and the dividends
  that the holder of the shares would still receive.

References
----------
Merton, R. C. (1973). Theory of rational option pricing. Bell Journal 4(1), theorems 2 and 13.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal

import numpy as np

from wheelhouse.market.calendar import new_york_date
from wheelhouse.market.events import Dividend
from wheelhouse.market.instruments import Exercise, OptionContract, Right, Settlement
from wheelhouse.pricing.black_scholes import price
from wheelhouse.pricing.implied import implied_volatility
from wheelhouse.pricing.valuation import ValuedChain
from wheelhouse.strategy.calendar_events import dividends_through
from wheelhouse.strategy.figures import DAYS_A_YEAR, known
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.views import AccountView, HoldingView, MarketView, UnderlyingView

PinState = Literal["itm", "otm", "pin"]
EarlyExerciseLevel = Literal["none", "warning", "alarm"]

# A holder gives up at most this much by exercising a put now, USD per share.
NEGLIGIBLE_EXTRINSIC: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyExercise:
    """Whether a short option may be assigned before its expiry, and why.

    Attributes
    ----------
    level
        ``warning``: it costs the holder less than it brings at the bid. ``alarm``: it is optimal whatever happens.
    ex_date
        The ex-date on whose eve a call would be exercised; None for puts.
    """

    level: EarlyExerciseLevel
    detail: str
    ex_date: date | None = None


class ExpirationAction(StrEnum):
    """What to prepare for."""

    LET_EXPIRE = "let_expire"
    EXPECT_ASSIGNMENT = "expect_assignment"
    EXPECT_EARLY_ASSIGNMENT = "expect_early_assignment"
    EXPECT_EXERCISE = "expect_exercise"
    PLAN_BOTH = "plan_both"
    AWAIT_SETTLEMENT = "await_settlement"
    WAIT_FOR_DATA = "wait_for_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiration:
    """One open option and its expiry.

    Attributes
    ----------
    quantity
        Signed contracts.
    moneyness
        How far in the money, as a fraction of the strike; negative out of the money. None without a spot.
    state
        None without a spot.
    cash_if_assigned
        USD that move at assignment (exercise if long), signed: a short put pays. Settled in cash, the intrinsic value.
    shares_if_assigned
        Shares of the underlying that move, signed: a short put receives.
    """

    symbol: str
    underlying: str
    last_trading_day: date
    quantity: int
    moneyness: float | None
    state: PinState | None
    cash_if_assigned: Decimal
    shares_if_assigned: int
    early_exercise: EarlyExerciseLevel
    action: ExpirationAction
    detail: str


def expirations(account: AccountView, market: MarketView, policy: WheelPolicy, now: datetime) -> tuple[Expiration, ...]:
    """Look at every open option of an account whose underlying is in the market view, soonest first."""
    found = [
        _expiration(holding, holding.contract, market.underlyings[holding.underlying], policy, now)
        for holding in account.positions
        if holding.contract is not None and holding.quantity and holding.underlying in market.underlyings
    ]
    return tuple(sorted(found, key=lambda e: (e.last_trading_day, e.symbol)))


def moneyness(contract: OptionContract, spot: float) -> float:
    """How far in the money a contract is, as a fraction of its strike; negative out of the money.

    What one contract delivers is compared with what exercise pays, so adjusted series stand where their deliverable puts them.
    """
    strike = float(contract.strike)
    if not contract.is_standard and contract.settlement is Settlement.PHYSICAL:
        delivered = spot * abs(shares_if_assigned(contract, 1)) + float(contract.deliverable.cash)
        spot = delivered / contract.exercise_multiplier
    return (spot - strike if contract.right is Right.CALL else strike - spot) / strike


def pin_state(contract: OptionContract, spot: float, pin_width: float) -> PinState:
    """Tell on which side of its strike a contract stands, or that it is too close to say."""
    depth = moneyness(contract, spot)
    # Prices are in cents: half of one must not decide.
    if abs(depth) <= pin_width + 0.005 / float(contract.strike):
        return "pin"
    return "itm" if depth > 0 else "otm"


def cash_if_assigned(contract: OptionContract, quantity: int, spot: float | None) -> Decimal:
    """USD that move when all contracts are assigned (exercised if long), signed from the account's view.

    A physically settled contract moves strike x exercise multiplier and the cash of its deliverable; one settled in cash its
    intrinsic value, zero without a spot.
    """
    toward_holder = 1 if contract.right is Right.PUT else -1
    if contract.settlement is Settlement.CASH:
        inside = 0.0 if spot is None else max(0.0, moneyness(contract, spot)) * float(contract.strike)
        return (Decimal(repr(inside)) * contract.exercise_multiplier * quantity).quantize(Decimal("0.01"))
    per_contract = toward_holder * (contract.strike * contract.exercise_multiplier - contract.deliverable.cash)
    return (per_contract * quantity).quantize(Decimal("0.01"))


def shares_if_assigned(contract: OptionContract, quantity: int) -> int:
    """Shares of the underlying that move when all contracts are assigned (exercised if long), signed."""
    if contract.settlement is Settlement.CASH:
        return 0
    each = sum(count for symbol, count in contract.deliverable.shares if symbol == contract.underlying)
    return quantity * each * (1 if contract.right is Right.CALL else -1)


def call_early_exercise(
    *,
    spot: float,
    strike: float,
    bid: float | None,
    volatility: float | None,
    rate: float,
    dividends: Sequence[Dividend],
    expiry: date,
) -> EarlyExercise:
    """Judge whether holders of an American call will exercise it on the eve of the next ex-date.

    Warning: in the money, and the extrinsic value at the bid is below the dividend (or the bid is unknown). Alarm:
    D > K(1 - exp(-r tau)) + P, with tau from the ex-date to expiry, D the present value on the ex-date of all dividends up to expiry,
    and P the European put on the shares without them.

    Parameters
    ----------
    spot
        USD per share, with the dividend.
    volatility
        A year; None if unknown, and then there is no alarm.
    dividends
        Those whose ex-date lies after today and on or before expiry, by ex-date.
    """
    if not dividends or spot <= strike:
        why = "no known ex-date up to expiry" if not dividends else "out of the money"
        return EarlyExercise(level="none", detail=why)
    first = dividends[0]
    amount = float(first.amount)
    worth = sum(float(d.amount) * math.exp(-rate * (d.ex_date - first.ex_date).days / DAYS_A_YEAR) for d in dividends)
    years = (expiry - first.ex_date).days / DAYS_A_YEAR
    if volatility is not None and spot > worth:
        put = _european(spot - worth, strike, years, volatility, rate, 0.0, is_call=False)
        given_up = strike * -math.expm1(-rate * years) + put
        if worth > given_up:
            detail = f"the dividend of {worth:.2f} exceeds the {given_up:.2f} that exercise gives up"
            return EarlyExercise(level="alarm", detail=f"{detail}, ex-date {first.ex_date}", ex_date=first.ex_date)
    extrinsic = None if bid is None else bid - (spot - strike)
    if extrinsic is None or extrinsic < amount:
        left = "unknown" if extrinsic is None else f"{extrinsic:.2f}"
        detail = f"extrinsic value at the bid is {left}, the dividend {amount:.2f}, ex-date {first.ex_date}"
        return EarlyExercise(level="warning", detail=detail, ex_date=first.ex_date)
    return EarlyExercise(
        level="none", detail=f"extrinsic value of {extrinsic:.2f} exceeds the dividend of {amount:.2f}"
    )


def put_early_exercise(
    *,
    spot: float,
    strike: float,
    bid: float | None,
    volatility: float | None,
    rate: float,
    dividend_yield: float,
    dividends: Sequence[Dividend],
    years: float,
    today: date,
) -> EarlyExercise:
    """Judge whether holders of an American put may exercise it now.

    Warning: in the money and K(1 - exp(-r tau)) > C + PV(D), without which early exercise is never optimal; C is the European call.
    Alarm: besides, the extrinsic value at the bid is at most `NEGLIGIBLE_EXTRINSIC`.

    Parameters
    ----------
    volatility
        A year; None if unknown, and then C counts as worthless, which errs on the side of warning.
    dividend_yield
        Stands for the dividends if none is listed.
    years
        From now to expiry.
    """
    if spot >= strike:
        return EarlyExercise(level="none", detail="out of the money")
    if dividends:
        worth = sum(float(d.amount) * math.exp(-rate * (d.ex_date - today).days / DAYS_A_YEAR) for d in dividends)
        spot_without, yield_left = max(spot - worth, 0.0), 0.0
    else:
        worth = spot * -math.expm1(-dividend_yield * years)
        spot_without, yield_left = spot, dividend_yield
    call = 0.0
    if volatility is not None and spot_without > 0:
        call = _european(spot_without, strike, years, volatility, rate, yield_left, is_call=True)
    interest = strike * -math.expm1(-rate * years)
    if interest <= call + worth:
        return EarlyExercise(level="none", detail=f"interest of {interest:.2f} does not pay for early exercise")
    detail = f"interest of {interest:.2f} on the strike exceeds the {call + worth:.2f} that exercise gives up"
    if bid is not None and bid - (strike - spot) <= NEGLIGIBLE_EXTRINSIC:
        return EarlyExercise(level="alarm", detail=f"{detail}; no extrinsic value is left at the bid")
    return EarlyExercise(level="warning", detail=detail)


def early_exercise(view: UnderlyingView, valued: ValuedChain, i: int, now: datetime) -> EarlyExercise:
    """Judge contract `i` of a chain; European contracts are never exercised early, adjusted ones are not judged.

    A volatility that the quote does not give is taken from the nearest strike of the expiry, the other right first: deep in the
    money, where quotes give none, the bounds hardly depend on it.
    """
    chain = valued.chain
    if chain.exercise is Exercise.EUROPEAN:
        return EarlyExercise(level="none", detail="European: not before expiry")
    if not chain.standard[i]:
        return EarlyExercise(level="none", detail="adjusted series: not judged, its deliverable is no 100 shares")
    expiry: date = chain.expiry[i].item()
    due = dividends_through(view.terms, expiry, now)
    spot, strike, bid = chain.spot, float(chain.strike[i]), known(chain.bid[i])
    volatility = _volatility(valued, i)
    if chain.is_call[i]:
        if due:
            without = spot - present_value(due, chain.rate, new_york_date(now))
            volatility = _volatility_without_dividends(valued, i, without) or volatility
        return call_early_exercise(
            spot=spot, strike=strike, bid=bid, volatility=volatility, rate=chain.rate, dividends=due, expiry=expiry
        )
    return put_early_exercise(
        spot=spot,
        strike=strike,
        bid=bid,
        volatility=volatility,
        rate=chain.rate,
        dividend_yield=chain.dividend_yield,
        dividends=due,
        years=float(chain.years_to_expiry[i]),
        today=new_york_date(now),
    )


def present_value(dividends: Sequence[Dividend], rate: float, today: date) -> float:
    """What dividends are worth today, USD per share, each discounted from its ex-date."""
    return sum(float(d.amount) * math.exp(-rate * (d.ex_date - today).days / DAYS_A_YEAR) for d in dividends)


def _volatility_without_dividends(valued: ValuedChain, i: int, spot: float) -> float | None:
    """Solve a volatility of the expiry with the dividends off the spot, from the nearest two-sided quote out of the money.

    The chain's own volatilities rest on a yield and not on dates: a dividend that is due shows in them, down in those of calls and up
    in those of puts. In the money a call may be worth no more than exercise now, which says nothing of volatility.
    """
    chain = valued.chain
    out = (chain.is_call & (chain.strike > spot)) | (~chain.is_call & (chain.strike <= spot))
    near = np.flatnonzero((chain.expiry == chain.expiry[i]) & chain.standard & out & (chain.bid > 0) & (chain.ask > 0))
    if not near.size or spot <= 0:
        return None
    solved = implied_volatility(
        valued.mark[near], spot, chain.strike[near], chain.years_to_expiry[near], chain.rate, 0.0, chain.is_call[near]
    ).volatility
    distance = np.where(np.isfinite(solved), np.abs(chain.strike[near] - chain.strike[i]), np.inf)
    nearest = int(np.argmin(distance))
    return float(solved[nearest]) if np.isfinite(distance[nearest]) else None


def _volatility(valued: ValuedChain, i: int) -> float | None:
    """Take the contract's own volatility, else that of the nearest strike of its expiry, the other right at its strike first."""
    chain = valued.chain
    solved = (chain.expiry == chain.expiry[i]) & chain.standard & np.isfinite(valued.implied_volatility)
    solved[i] = np.isfinite(valued.implied_volatility[i])
    near = np.flatnonzero(solved)
    if not near.size:
        return None
    distance = np.where(near == i, -1.0, np.abs(chain.strike[near] - chain.strike[i]))
    return float(valued.implied_volatility[near[np.argmin(distance)]])


def _european(
    spot: float, strike: float, years: float, volatility: float, rate: float, dividend_yield: float, *, is_call: bool
) -> float:
    return float(price(spot, strike, years, volatility, rate, dividend_yield, is_call))


def _expiration(
    holding: HoldingView, contract: OptionContract, view: UnderlyingView, policy: WheelPolicy, now: datetime
) -> Expiration:
    chain = view.chain.chain if view.chain is not None else None
    spot = known(chain.spot) if chain is not None and view.state != "missing" else None
    state = None if spot is None else pin_state(contract, spot, policy.pin_width)
    level = EarlyExercise(level="none", detail="")
    if (
        view.chain is not None
        and spot is not None
        and holding.symbol in view.chain.chain.symbols
        and holding.quantity < 0
    ):
        level = early_exercise(view, view.chain, view.chain.chain.symbols.index(holding.symbol), now)
    action, detail = _action(holding, contract, state, level, now)
    return Expiration(
        symbol=contract.symbol,
        underlying=contract.underlying,
        last_trading_day=contract.last_trading_day,
        quantity=holding.quantity,
        moneyness=None if spot is None else moneyness(contract, spot),
        state=state,
        cash_if_assigned=cash_if_assigned(contract, holding.quantity, spot),
        shares_if_assigned=shares_if_assigned(contract, holding.quantity),
        early_exercise=level.level,
        action=action,
        detail=detail,
    )


def _action(
    holding: HoldingView, contract: OptionContract, state: PinState | None, level: EarlyExercise, now: datetime
) -> tuple[ExpirationAction, str]:
    if new_york_date(now) > contract.last_trading_day:
        return ExpirationAction.AWAIT_SETTLEMENT, f"last traded {contract.last_trading_day}; the broker's file decides"
    if state is None:
        return ExpirationAction.WAIT_FOR_DATA, f"no quote of {contract.underlying}"
    if level.level == "alarm":
        return ExpirationAction.EXPECT_EARLY_ASSIGNMENT, level.detail
    if state == "pin":
        detail = "too close to the strike to say: plan for assignment and for none, and for the gap over the weekend"
        return ExpirationAction.PLAN_BOTH, detail
    if state == "otm":
        return ExpirationAction.LET_EXPIRE, level.detail or "out of the money"
    if holding.quantity > 0:
        return ExpirationAction.EXPECT_EXERCISE, "in the money by a cent or more is exercised by exception"
    return ExpirationAction.EXPECT_ASSIGNMENT, level.detail or "in the money by a cent or more is assigned by exception"
