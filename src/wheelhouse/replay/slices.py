"""The part of a chain that the strategy can use: pricing the rest would change no advice.

Implied volatilities are most of a replay's work. Rules that need none of them (quotes, days, yields, strikes, capital) are applied
first, and only contracts that pass are valued, together with those that are held. The strategy then judges these by all of its rules.
What was left out breaks at least one of the rules, so the same contracts are sold, rolled and closed as with the whole chain; the
counts of rejections alone are smaller.
"""

import math
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from wheelhouse.market.calendar import new_york_date
from wheelhouse.market.chain import ChainSnapshot
from wheelhouse.market.instruments import OptionContract, Right
from wheelhouse.pricing.valuation import ValuedChain, value_chain
from wheelhouse.replay.market import Instant
from wheelhouse.strategy.advice import Action, Advice
from wheelhouse.strategy.coverage import call_floor, coverage
from wheelhouse.strategy.figures import columns
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.screening import EVENT_RULES, OPENING_RULES, QUOTE_RULES, STRIKE_RULES, Context, Rule, Sale
from wheelhouse.strategy.screening import apply_rules as applied
from wheelhouse.strategy.selling import held_long, name_capital
from wheelhouse.strategy.views import AccountView, UnderlyingView

BoolArray = npt.NDArray[np.bool_]

_NEEDS_VOLATILITY: Final = frozenset({Code.UNPRICED, Code.BELOW_INTRINSIC, Code.DELTA_OUT_OF_RANGE})
_OPENING: Final = tuple(rule for rule in OPENING_RULES if rule.code not in _NEEDS_VOLATILITY)
_QUOTED: Final = tuple(
    rule for rule in (*QUOTE_RULES, *EVENT_RULES, *STRIKE_RULES) if rule.code not in _NEEDS_VOLATILITY
)


def held_view(account: AccountView, name: str, market: Instant) -> UnderlyingView:
    """See a name with nothing of its chain but the options that the account holds: enough to say whether a trigger has fired."""
    valued = value_chain(market.chain(name, _held(account, name)), priced_at=market.at)
    return UnderlyingView(symbol=name, chain=valued, state="fresh", age_seconds=0.0, terms=market.terms(name))


def asks_for_new_legs(advice: Advice, name: str) -> bool:
    """Tell whether a trigger has fired for an option of the name, so that what it could be rolled into decides."""
    return any(
        item.symbol == name
        and item.action in (Action.HOLD, Action.CLOSE, Action.ROLL)
        and all(reason.code not in (Code.NO_TRIGGER, Code.OUTSIDE_THE_WHEEL) for reason in item.reasons)
        for item in advice.recommendations
    )


def full_view(
    account: AccountView, name: str, market: Instant, policy: WheelPolicy, now: datetime, *, rolls: bool
) -> UnderlyingView:
    """See a name with every contract that could be sold to open or, with `rolls`, be rolled into."""
    sales = [(sale, policy.min_dte, policy.max_dte, _OPENING) for sale in opening_sales(account, name, market, policy)]
    for holding in account.of(name) if rolls else ():
        if holding.is_short_option and holding.contract is not None:
            soonest = max(0, (holding.contract.expiry - new_york_date(now)).days)
            sale, rules = _replacement(account, holding.contract, market, policy)
            sales.append((sale, soonest, policy.roll_max_dte, rules))
    held = _held(account, name)
    listed = [(contract, (contract.expiry - new_york_date(now)).days) for contract in market.listed(name)]
    within = {
        contract.text
        for sale, least, most, _ in sales
        for contract, days in listed
        if contract.right is sale.right and least <= days <= most
    }
    chain = market.chain(name, within | held)
    kept = np.isin(chain.symbols, list(held))
    valued = _unvalued(chain, now)
    view = UnderlyingView(symbol=name, chain=valued, state="fresh", age_seconds=0.0, terms=market.terms(name))
    for sale, _, _, rules in sales:
        context = Context(view=view, valued=valued, derived=columns(valued, now), sale=sale, policy=policy, now=now)
        kept[list(applied(context, rules).admissible)] = True
    return replace(view, chain=value_chain(chain.select(kept), priced_at=now))


def opening_sales(account: AccountView, name: str, market: Instant, policy: WheelPolicy) -> tuple[Sale, ...]:
    """What the state of a name could lead the strategy to sell to open: calls on uncovered lots, puts if it is flat."""
    sales = []
    shares = coverage(account, name)
    long = held_long(account, name)
    if shares.uncovered:
        floor = call_floor(account, name, policy)
        least = None if floor.price is None else float(floor.price)
        sales.append(Sale(right=Right.CALL, floor=least, held_long=long))
    if policy.concurrent_puts or not (shares.lots or any(p.contract is not None for p in account.of(name))):
        behind = name_capital(account, name, market.spot(name), policy)
        sales.append(Sale(right=Right.PUT, capital=behind, held_long=long))
    return tuple(sales)


def _replacement(
    account: AccountView, contract: OptionContract, market: Instant, policy: WheelPolicy
) -> tuple[Sale, tuple[Rule, ...]]:
    """What could replace a held contract: its right, not sooner, and bid above what closing it costs."""
    name = contract.underlying
    quote = market.views([contract.symbol]).get(contract.symbol)
    ask = math.inf if quote is None or quote.ask is None else float(quote.ask)
    floor = call_floor(account, name, policy).price if contract.right is Right.CALL else None
    sale = Sale(right=contract.right, floor=None if floor is None else float(floor), held_long=held_long(account, name))

    def no_net_credit(context: Context) -> BoolArray:
        return np.asarray(~(context.valued.chain.bid > ask))

    return sale, (*_QUOTED, Rule(code=Code.NO_NET_CREDIT, breaks=no_net_credit))


def _unvalued(chain: ChainSnapshot, now: datetime) -> ValuedChain:
    unknown = np.full(len(chain), np.nan)
    return ValuedChain(
        chain=chain,
        priced_at=now,
        mark=(chain.bid + chain.ask) / 2,
        implied_volatility=unknown,
        delta=unknown,
        gamma=unknown,
        theta_per_day=unknown,
        vega_per_vol_point=unknown,
        rho_per_rate_point=unknown,
        probability_itm=unknown,
        flags=((),) * len(chain),
    )


def _held(account: AccountView, name: str) -> set[str]:
    return {holding.symbol for holding in account.of(name) if holding.contract is not None}
