"""Open short options: when to act, into what to roll, when to close, and when to leave it to assignment.

An option is left alone until a trigger fires. Then it is rolled into the best valid new leg as one combo order for a net credit after
fees; if there is none it is closed at a profit, and otherwise held to assignment. Every trigger is in the reasons, fired or not.

New legs in the policy's own window of delta and days come first, by annualised yield at the bid. Without one, a leg of any later
expiry up to `roll_max_dte` will do if its |delta| exceeds neither the policy's greatest nor today's of the option: the soonest such
expiry, then the smallest |delta|, because time bought is cheaper than risk.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

from wheelhouse.ledger.orders import Reason
from wheelhouse.market.instruments import OptionContract, Right
from wheelhouse.pricing.valuation import ValuedChain
from wheelhouse.strategy.advice import reason
from wheelhouse.strategy.expiration import EarlyExercise, moneyness
from wheelhouse.strategy.figures import FloatArray, columns, known
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.screening import (
    EVENT_RULES,
    QUOTE_RULES,
    STRIKE_RULES,
    BoolArray,
    Context,
    Rule,
    Sale,
    apply_rules,
    collateral,
)
from wheelhouse.strategy.sizing import affordable, collateral_per_put
from wheelhouse.strategy.views import ROUND_LOT, HoldingView, UnderlyingView

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortOption:
    """An open short option with the quote to close it.

    Attributes
    ----------
    index
        Of its contract in the chain.
    contracts
        Positive.
    credit, ask
        USD per share: received after fees, and asked for now.
    """

    holding: HoldingView
    contract: OptionContract
    index: int
    contracts: int
    credit: float
    ask: float
    spot: float
    dte: int

    @property
    def is_itm(self) -> bool:
        """Whether exercise would pay, by what the contract delivers."""
        return moneyness(self.contract, self.spot) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One reason to act on an open short option, and whether it holds."""

    code: Code
    fired: bool
    detail: str

    @property
    def as_reason(self) -> Reason:
        """The reason that goes into a recommendation: prefixed with ``not_`` if it did not fire."""
        return reason(self.code if self.fired else Code(f"not_{self.code.value}"), self.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLeg:
    """The contract that a roll sells.

    Attributes
    ----------
    index
        In the chain.
    net
        Limit of the combo, USD per share, a credit before fees.
    net_after_fees
        USD per share after the fees of both legs.
    """

    index: int
    net: Decimal
    net_after_fees: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RollSearch:
    """The new leg if there is a valid one, and what refused the others."""

    leg: NewLeg | None
    rejections: dict[str, int]


def profit_fraction(credit: float, ask: float, fee_per_share: float) -> float:
    """Profit of closing a short option now, as a fraction of its credit: (credit - ask - fees) / credit.

    Parameters
    ----------
    credit
        USD per share received, after the fees of opening if those are booked; above zero.
    fee_per_share
        Of the closing order.

    Examples
    --------
    >>> round(profit_fraction(2.00, 0.20, 0.0065), 5)
    0.89675
    """
    return (credit - ask - fee_per_share) / credit


def fee_per_share(policy: WheelPolicy, contract: OptionContract) -> float:
    """USD per share that an order of one contract costs."""
    return policy.fee_per_contract / contract.premium_multiplier


def triggers(option: ShortOption, early: EarlyExercise, policy: WheelPolicy) -> tuple[Trigger, ...]:
    """Evaluate every trigger of the policy, in a fixed order."""
    profit = profit_fraction(option.credit, option.ask, fee_per_share(policy, option.contract))
    gained = f"profit {profit:.1%} of the credit of {option.credit:.2f} at the ask of {option.ask:.2f}"
    near = option.dte <= policy.roll_dte
    side = "in" if option.is_itm else "out of"
    switched = "" if policy.roll_when_itm else "; rolling for it is off"
    watched = "" if policy.roll_on_early_exercise else "; rolling for it is off"
    return (
        Trigger(
            code=Code.PROFIT_REACHED,
            fired=profit >= policy.roll_profit,
            detail=f"{gained}, target {policy.roll_profit:.0%}",
        ),
        Trigger(
            code=Code.DAYS_AND_PROFIT,
            fired=near and profit >= policy.roll_min_profit,
            detail=f"{option.dte} days to expiry, limit {policy.roll_dte}; profit {profit:.1%}, least {policy.roll_min_profit:.0%}",
        ),
        Trigger(
            code=Code.IN_THE_MONEY,
            fired=policy.roll_when_itm and option.is_itm,
            detail=f"spot {option.spot:.2f} is {side} the money of strike {option.contract.strike.normalize():f}{switched}",
        ),
        Trigger(
            code=Code.EARLY_EXERCISE,
            fired=policy.roll_on_early_exercise and early.level == "alarm",
            detail=f"early exercise: {early.level}, {early.detail}{watched}",
        ),
    )


def roll_forbidden(option: ShortOption, fired: tuple[Trigger, ...], policy: WheelPolicy) -> Reason | None:
    """Say why this option may not be rolled whatever the market offers; None if it may."""
    if not option.contract.is_standard:
        return reason(
            Code.ADJUSTED_CONTRACT,
            f"{option.contract.symbol} is an adjusted series, which no standard contract replaces",
        )
    allowed = policy.roll_itm_calls if option.contract.right is Right.CALL else policy.roll_itm_puts
    demanded = any(t.code in (Code.IN_THE_MONEY, Code.EARLY_EXERCISE) for t in fired)
    if option.is_itm and not allowed and not demanded:
        knob = "roll_itm_calls" if option.contract.right is Right.CALL else "roll_itm_puts"
        return reason(Code.ITM_NOT_ROLLED, f"in the money, and the policy's {knob} is off")
    return None


def find_new_leg(
    option: ShortOption, view: UnderlyingView, valued: ValuedChain, sale: Sale, policy: WheelPolicy, now: datetime
) -> RollSearch:
    """Find the best valid new leg.

    Parameters
    ----------
    sale
        The option's own right, with the floor for calls and, for puts, the capital that a higher strike may take.
    """
    context = Context(view=view, valued=valued, derived=columns(valued, now), sale=sale, policy=policy, now=now)
    shortage = sale.capital.shortage if sale.capital else Code.INSUFFICIENT_CASH
    screen = apply_rules(context, (*QUOTE_RULES, *EVENT_RULES, *STRIKE_RULES, *_roll_rules(option, shortage)))
    if not screen.admissible:
        return RollSearch(leg=None, rejections=screen.rejections)
    best = min(screen.admissible, key=lambda i: _preference(option, context, i))
    net = credit_limit(float(valued.chain.bid[best]) - option.ask)
    fees = _both_fees(option, policy)
    return RollSearch(leg=NewLeg(index=best, net=net, net_after_fees=net - fees), rejections=screen.rejections)


def credit_limit(net: float) -> Decimal:
    """Write a credit as a limit in whole cents, never above the market.

    Examples
    --------
    >>> credit_limit(1.35 - 0.2)
    Decimal('1.15')
    """
    return Decimal(f"{net:.6f}").quantize(CENT, rounding=ROUND_FLOOR)


def debit_limit(net: float) -> Decimal:
    """Write a debit as a limit in whole cents, never below the market.

    Examples
    --------
    >>> debit_limit(0.125)
    Decimal('0.13')
    """
    return Decimal(f"{net:.6f}").quantize(CENT, rounding=ROUND_CEILING)


def least_credit(policy: WheelPolicy, contract: OptionContract) -> Decimal:
    """The smallest limit in whole cents at which a roll still leaves more than `roll_min_credit` after the fees of both legs."""
    spent = (
        Decimal(repr(policy.roll_min_credit)) + 2 * Decimal(repr(policy.fee_per_contract)) / contract.premium_multiplier
    )
    return spent.quantize(CENT, rounding=ROUND_FLOOR) + CENT


def repriced(limit: Decimal, concession: Decimal, least: Decimal) -> Decimal:
    """Lower the credit limit of a working roll, never below `least`: repricing does not turn a credit into a debit.

    Examples
    --------
    >>> repriced(Decimal("0.10"), Decimal("0.05"), Decimal("0.02"))
    Decimal('0.05')
    >>> repriced(Decimal("0.05"), Decimal("0.05"), Decimal("0.02"))
    Decimal('0.02')
    """
    return max(limit - concession, least)


def _both_fees(option: ShortOption, policy: WheelPolicy) -> Decimal:
    old = Decimal(repr(policy.fee_per_contract)) / option.contract.premium_multiplier
    return old + Decimal(repr(policy.fee_per_contract)) / ROUND_LOT


def _roll_rules(option: ShortOption, shortage: Code) -> tuple[Rule, ...]:
    expiry = np.datetime64(option.contract.expiry, "D")
    strike = float(option.contract.strike)
    is_put = option.contract.right is Right.PUT

    def same_contract(context: Context) -> BoolArray:
        mask = np.zeros(len(context.valued.chain), dtype=bool)
        mask[option.index] = True
        return mask

    def earlier_expiry(context: Context) -> BoolArray:
        return np.asarray(context.valued.chain.expiry < expiry)

    def dte_out_of_range(context: Context) -> BoolArray:
        return np.asarray(context.derived.dte > context.policy.roll_max_dte)

    def delta_out_of_range(context: Context) -> BoolArray:
        _, most = context.policy.delta_bounds(call=context.is_call)
        today = abs(float(context.valued.delta[option.index]))
        limit = max(most, today) if np.isfinite(today) else most
        return np.asarray(np.abs(context.valued.delta) > limit)

    def rolled_up_in_the_money(context: Context) -> BoolArray:
        return np.asarray((context.valued.chain.strike > strike) & (is_put and option.is_itm))

    def no_net_credit(context: Context) -> BoolArray:
        least = float(least_credit(context.policy, option.contract))
        net = context.valued.chain.bid - option.ask
        return np.asarray(net < least - 1e-6)

    def short_of_capital(context: Context) -> BoolArray:
        behind = context.sale.capital
        if behind is None or not is_put:
            return np.zeros(len(context.valued.chain), dtype=bool)
        each = collateral(context)
        held = collateral_per_put(np.array([strike]), option.spot, np.array([option.ask]), by_margin=behind.by_margin)
        more: FloatArray = (each - held) * option.contracts
        return (more > 0) & (affordable(behind.available, more) < 1)

    return (
        Rule(code=Code.SAME_CONTRACT, breaks=same_contract),
        Rule(code=Code.EARLIER_EXPIRY, breaks=earlier_expiry),
        Rule(code=Code.DTE_OUT_OF_RANGE, breaks=dte_out_of_range),
        Rule(code=Code.DELTA_OUT_OF_RANGE, breaks=delta_out_of_range),
        Rule(code=Code.ROLLED_UP_IN_THE_MONEY, breaks=rolled_up_in_the_money),
        Rule(code=Code.NO_NET_CREDIT, breaks=no_net_credit),
        Rule(code=shortage, breaks=short_of_capital),
    )


def _preference(option: ShortOption, context: Context, i: int) -> tuple[int, float, float, date, str]:
    policy, derived, chain = context.policy, context.derived, context.valued.chain
    low, high = policy.delta_bounds(call=context.is_call)
    size, dte = abs(float(context.valued.delta[i])), int(derived.dte[i])
    worth = known(derived.annualized_yield[i]) or 0.0
    usual = low <= size <= high and policy.min_dte <= dte <= policy.max_dte and worth >= policy.min_annualized_yield
    # Outside the window a leg of the same expiry buys no time, hence comes last.
    later = chain.expiry[i] > np.datetime64(option.contract.expiry, "D")
    key = (0, -worth, size) if usual else (1 if later else 2, float(dte), size)
    return (*key, chain.expiry[i].item(), chain.symbols[i])
