"""Which contracts of a chain may be sold: rules with names, applied to all contracts at once.

Every contract of the right that is sought either passes all rules or is counted under the code of each rule that it breaks, so the
counts may add up to more than the number of contracts. Ranking takes the highest annualised yield at the bid first; equal yields are
ordered by smaller |delta|, then earlier expiry, then symbol, which leaves no ties.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from wheelhouse.market.instruments import Right
from wheelhouse.pricing.valuation import ValuedChain
from wheelhouse.strategy.advice import Figures
from wheelhouse.strategy.calendar_events import dividends_through, next_earnings
from wheelhouse.strategy.figures import Columns, FloatArray, columns, figures
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.sizing import Capital, affordable, collateral_per_put
from wheelhouse.strategy.views import ROUND_LOT, UnderlyingView

BoolArray = npt.NDArray[np.bool_]

# Prices are quoted in cents: what is within a limit on paper must not fall out by the last bit.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What is to be sold, and what stands behind it.

    Attributes
    ----------
    right
        Puts or calls.
    capital
        Behind puts; None screens without an account.
    floor
        USD per share that no call may be struck below; None for no floor.
    held_long
        Symbols of which the account is long: selling them would not open a short position.
    """

    right: Right
    capital: Capital | None = None
    floor: float | None = None
    held_long: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Context:
    """Everything that a rule may look at."""

    view: UnderlyingView
    valued: ValuedChain
    derived: Columns
    sale: Sale
    policy: WheelPolicy
    now: datetime

    @property
    def is_call(self) -> bool:
        """Whether calls are sought."""
        return self.sale.right is Right.CALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A named condition that a contract breaks.

    Attributes
    ----------
    breaks
        Gives a mask of shape (n_contracts,), true where the rule is broken.
    """

    code: Code
    breaks: Callable[[Context], BoolArray]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Screen:
    """The outcome for one chain and one right.

    Attributes
    ----------
    considered
        Mask of the contracts of the right, (n_contracts,).
    hits
        Which contract broke which rule, (n_rules, n_contracts); false where not considered.
    admissible
        Indices into the chain, the best first.
    """

    context: Context
    rules: tuple[Rule, ...]
    considered: BoolArray
    hits: BoolArray
    admissible: tuple[int, ...]

    def row(self, i: int) -> Figures:
        """Figures of contract `i`."""
        context = self.context
        return figures(context.view, context.valued, context.derived, i, context.now)

    def broken_by(self, i: int) -> tuple[Code, ...]:
        """Codes of the rules that contract `i` broke."""
        return tuple(rule.code for rule, hit in zip(self.rules, self.hits[:, i], strict=True) if hit)

    @property
    def count(self) -> int:
        """Number of contracts that were considered."""
        return int(self.considered.sum())

    @property
    def candidates(self) -> tuple[Figures, ...]:
        """Figures of what may be sold, the best first."""
        return tuple(self.row(i) for i in self.admissible)

    @property
    def rejections(self) -> dict[str, int]:
        """Contracts by code, the most frequent first; a contract counts under every code that it broke."""
        counts = zip((rule.code.value for rule in self.rules), self.hits.sum(axis=1).tolist(), strict=True)
        return dict(sorted(((code, n) for code, n in counts if n), key=lambda item: (-item[1], item[0])))

    @property
    def nearest_miss(self) -> int | None:
        """The rejected contract that broke the fewest rules, the best yield among equals; None if none was rejected."""
        broken = self.hits.sum(axis=0)
        refused = broken > 0
        if not refused.any():
            return None
        near = np.flatnonzero(refused & (broken == broken[refused].min()))
        return min((int(i) for i in near), key=_ranking(self.context))


def screen(view: UnderlyingView, valued: ValuedChain, sale: Sale, policy: WheelPolicy, now: datetime) -> Screen:
    """Apply every rule to the contracts of the right that is sought."""
    context = Context(view=view, valued=valued, derived=columns(valued, now), sale=sale, policy=policy, now=now)
    return apply_rules(context, OPENING_RULES)


def apply_rules(context: Context, rules: tuple[Rule, ...]) -> Screen:
    """Apply the given rules and rank what passes all of them."""
    considered = context.valued.chain.is_call == context.is_call
    hits = np.array([rule.breaks(context) for rule in rules], dtype=bool) & considered
    passed = np.flatnonzero(considered & ~hits.any(axis=0))
    return Screen(
        context=context,
        rules=rules,
        considered=considered,
        hits=hits,
        admissible=tuple(sorted((int(i) for i in passed), key=_ranking(context))),
    )


def _ranking(context: Context) -> Callable[[int], tuple[float, float, date, str]]:
    chain = context.valued.chain
    worth = np.nan_to_num(context.derived.annualized_yield, nan=-np.inf)
    nearness = np.nan_to_num(np.abs(context.valued.delta), nan=np.inf)
    return lambda i: (-float(worth[i]), float(nearness[i]), chain.expiry[i].item(), chain.symbols[i])


def _two_sided(context: Context) -> BoolArray:
    chain = context.valued.chain
    return (chain.bid > 0) & np.isfinite(chain.ask)


def _flagged(context: Context, flag: str) -> BoolArray:
    flags = context.valued.flags
    return np.fromiter((flag in own for own in flags), dtype=bool, count=len(flags))


def _adjusted(context: Context) -> BoolArray:
    return ~context.valued.chain.standard


def _no_bid(context: Context) -> BoolArray:
    return np.asarray(context.valued.chain.bid <= 0)


def _one_sided(context: Context) -> BoolArray:
    return np.isnan(context.valued.chain.bid) | np.isnan(context.valued.chain.ask)


def _crossed(context: Context) -> BoolArray:
    return np.asarray(context.valued.chain.bid > context.valued.chain.ask)


def _locked(context: Context) -> BoolArray:
    return np.asarray((context.valued.chain.bid == context.valued.chain.ask) & (context.valued.chain.bid > 0))


def _stale(context: Context) -> BoolArray:
    return _flagged(context, "stale")


def _below_intrinsic(context: Context) -> BoolArray:
    return _flagged(context, "below_intrinsic")


def _unpriced(context: Context) -> BoolArray:
    # A quote that another rule refuses has no volatility for that reason alone.
    explained = (
        ~_two_sided(context) | _crossed(context) | _stale(context) | _below_intrinsic(context) | _adjusted(context)
    )
    return np.isnan(context.valued.delta) & ~explained


def _spread_too_wide(context: Context) -> BoolArray:
    policy, derived = context.policy, context.derived
    limit = np.maximum(policy.max_spread, policy.max_spread_fraction * derived.mid)
    return np.asarray((derived.spread > limit + _ROUNDING) & (context.valued.chain.bid > 0))


def _open_interest_too_low(context: Context) -> BoolArray:
    return np.asarray(context.valued.chain.open_interest < context.policy.min_open_interest)


def _open_interest_unknown(context: Context) -> BoolArray:
    required = context.policy.require_known_liquidity and context.policy.min_open_interest > 0
    return np.isnan(context.valued.chain.open_interest) & required


def _volume_too_low(context: Context) -> BoolArray:
    return np.asarray(context.valued.chain.volume < context.policy.min_volume)


def _volume_unknown(context: Context) -> BoolArray:
    required = context.policy.require_known_liquidity and context.policy.min_volume > 0
    return np.isnan(context.valued.chain.volume) & required


def _delta_out_of_range(context: Context) -> BoolArray:
    low, high = context.policy.delta_bounds(call=context.is_call)
    size = np.abs(context.valued.delta)
    return np.asarray((size < low) | (size > high))


def _dte_out_of_range(context: Context) -> BoolArray:
    dte = context.derived.dte
    return np.asarray((dte < context.policy.min_dte) | (dte > context.policy.max_dte))


def _credit_below_fees(context: Context) -> BoolArray:
    round_trip = 2 * context.policy.fee_per_contract
    bid = context.valued.chain.bid
    return np.asarray((bid > 0) & (bid * ROUND_LOT <= round_trip + _ROUNDING))


def _yield_too_low(context: Context) -> BoolArray:
    too_low = context.derived.annualized_yield < context.policy.min_annualized_yield
    return np.asarray(too_low & (context.valued.chain.bid > 0))


def _earnings_before_expiry(context: Context) -> BoolArray:
    report = next_earnings(context.view.terms, context.now)
    last_day = context.valued.chain.last_trading_day
    if report is None or context.policy.allow_earnings:
        return np.zeros(len(last_day), dtype=bool)
    return np.asarray(last_day >= np.datetime64(report.date, "D"))


def _ex_dividend_before_expiry(context: Context) -> BoolArray:
    expiry = context.valued.chain.expiry
    due = dividends_through(context.view.terms, date.max, context.now)
    if not (due and context.is_call and context.policy.avoid_ex_dividend):
        return np.zeros(len(expiry), dtype=bool)
    return np.asarray(expiry >= np.datetime64(due[0].ex_date, "D"))


def _below_market(context: Context) -> BoolArray:
    chain = context.valued.chain
    return np.asarray((chain.strike < chain.spot - _ROUNDING) & context.is_call)


def _below_call_floor(context: Context) -> BoolArray:
    floor = context.sale.floor
    strike = context.valued.chain.strike
    if floor is None or not context.is_call:
        return np.zeros(len(strike), dtype=bool)
    return np.asarray(strike < floor - _ROUNDING)


def collateral(context: Context) -> FloatArray:
    """USD that one put of each contract ties up, (n_contracts,); zero for calls, which shares cover."""
    chain, behind = context.valued.chain, context.sale.capital
    if context.is_call:
        return np.zeros(len(chain), dtype=np.float64)
    by_margin = behind is not None and behind.by_margin
    return collateral_per_put(chain.strike, chain.spot, chain.bid, by_margin=by_margin)


def _short_of(code: Code) -> Callable[[Context], BoolArray]:
    def breaks(context: Context) -> BoolArray:
        behind = context.sale.capital
        if behind is None or context.is_call or behind.shortage is not code:
            return np.zeros(len(context.valued.chain), dtype=bool)
        # Without a bid there is nothing to secure, and another rule says so.
        priced = np.isfinite(context.valued.chain.bid) | (not behind.by_margin)
        return (affordable(behind.available, collateral(context)) < 1) & priced

    return breaks


def _name_limit(context: Context) -> BoolArray:
    behind = context.sale.capital
    if behind is None or context.is_call:
        return np.zeros(len(context.valued.chain), dtype=bool)
    return affordable(behind.name_room, context.valued.chain.strike * ROUND_LOT) < 1


def _position_conflict(context: Context) -> BoolArray:
    chain, long = context.valued.chain, context.sale.held_long
    if not long:
        return np.zeros(len(chain), dtype=bool)
    return np.fromiter((symbol in long for symbol in chain.symbols), dtype=bool, count=len(chain))


QUOTE_RULES: Final = (
    Rule(code=Code.ADJUSTED_CONTRACT, breaks=_adjusted),
    Rule(code=Code.NO_BID, breaks=_no_bid),
    Rule(code=Code.ONE_SIDED, breaks=_one_sided),
    Rule(code=Code.CROSSED, breaks=_crossed),
    Rule(code=Code.LOCKED, breaks=_locked),
    Rule(code=Code.STALE, breaks=_stale),
    Rule(code=Code.BELOW_INTRINSIC, breaks=_below_intrinsic),
    Rule(code=Code.UNPRICED, breaks=_unpriced),
    Rule(code=Code.SPREAD_TOO_WIDE, breaks=_spread_too_wide),
    Rule(code=Code.OPEN_INTEREST_TOO_LOW, breaks=_open_interest_too_low),
    Rule(code=Code.OPEN_INTEREST_UNKNOWN, breaks=_open_interest_unknown),
    Rule(code=Code.VOLUME_TOO_LOW, breaks=_volume_too_low),
    Rule(code=Code.VOLUME_UNKNOWN, breaks=_volume_unknown),
    Rule(code=Code.CREDIT_BELOW_FEES, breaks=_credit_below_fees),
)
"""Whether a contract can be traded at all, at an honest price."""

EVENT_RULES: Final = (
    Rule(code=Code.EARNINGS_BEFORE_EXPIRY, breaks=_earnings_before_expiry),
    Rule(code=Code.EX_DIVIDEND_BEFORE_EXPIRY, breaks=_ex_dividend_before_expiry),
)

STRIKE_RULES: Final = (
    Rule(code=Code.BELOW_MARKET, breaks=_below_market),
    Rule(code=Code.BELOW_CALL_FLOOR, breaks=_below_call_floor),
    Rule(code=Code.POSITION_CONFLICT, breaks=_position_conflict),
)

OPENING_RULES: Final = (
    *QUOTE_RULES,
    Rule(code=Code.DELTA_OUT_OF_RANGE, breaks=_delta_out_of_range),
    Rule(code=Code.DTE_OUT_OF_RANGE, breaks=_dte_out_of_range),
    Rule(code=Code.YIELD_TOO_LOW, breaks=_yield_too_low),
    *EVENT_RULES,
    *STRIKE_RULES,
    Rule(code=Code.INSUFFICIENT_CASH, breaks=_short_of(Code.INSUFFICIENT_CASH)),
    Rule(code=Code.INSUFFICIENT_BUYING_POWER, breaks=_short_of(Code.INSUFFICIENT_BUYING_POWER)),
    Rule(code=Code.NAME_LIMIT, breaks=_name_limit),
)
"""Whether a contract may be sold to open."""
