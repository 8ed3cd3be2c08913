"""What to do about one open short option: roll it, close it, hold it, or wait for data."""

from datetime import datetime

import numpy as np

from wheelhouse.ledger.orders import Effect, Leg, Reason
from wheelhouse.market.calendar import new_york_date
from wheelhouse.market.instruments import OptionContract, Right
from wheelhouse.pricing.valuation import ValuedChain
from wheelhouse.strategy.advice import Action, Figures, Recommendation, Risk, reason, wait
from wheelhouse.strategy.coverage import call_floor, coverage, working_on
from wheelhouse.strategy.expiration import early_exercise
from wheelhouse.strategy.figures import columns, figures, known
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.rolling import (
    NewLeg,
    ShortOption,
    debit_limit,
    fee_per_share,
    find_new_leg,
    profit_fraction,
    roll_forbidden,
    triggers,
)
from wheelhouse.strategy.screening import Sale
from wheelhouse.strategy.selling import held_long, name_capital, notes, short_risk
from wheelhouse.strategy.sizing import collateral_per_put
from wheelhouse.strategy.views import AccountView, HoldingView, UnderlyingView

Managed = tuple[Recommendation, dict[str, int]]


def manage(
    account: AccountView,
    holding: HoldingView,
    contract: OptionContract,
    view: UnderlyingView,
    valued: ValuedChain,
    policy: WheelPolicy,
    now: datetime,
) -> Managed:
    """Decide about one short option; the second value counts the new legs that a roll refused, by code."""
    option = _quoted(account, holding, contract, valued, now)
    if isinstance(option, Reason):
        return wait(view.symbol, option), {}
    row = figures(view, valued, columns(valued, now), option.index, now)
    early = early_exercise(view, valued, option.index, now)
    every = triggers(option, early, policy)
    fired = tuple(t for t in every if t.fired)
    reasons = [t.as_reason for t in (*fired, *(t for t in every if not t.fired))]
    beside = _beside(account, option, view, row, early.level, early.detail, now)
    if not fired:
        start = reason(Code.NO_TRIGGER, f"no trigger fired for {contract.symbol}")
        return _hold(account, option, row, (start, *reasons, *beside), policy), {}
    if policy.at_profit == "close" and any(t.code is Code.PROFIT_REACHED for t in fired):
        return _close(option, row, (*reasons, *beside)), {}
    rejections: dict[str, int] = {}
    refusal = roll_forbidden(option, fired, policy)
    if refusal is None:
        floor = call_floor(account, view.symbol, policy)
        if contract.right is Right.CALL and not floor.known:
            refusal = reason(
                Code.BASIS_UNKNOWN, f"the {policy.call_floor} basis of the shares is unknown, so no strike is safe"
            )
        else:
            sale = Sale(
                right=contract.right,
                capital=name_capital(account, view.symbol, option.spot, policy),
                floor=None if floor.price is None else float(floor.price),
                held_long=held_long(account, view.symbol),
            )
            search = find_new_leg(option, view, valued, sale, policy, now)
            rejections = search.rejections
            if search.leg is not None:
                by_margin = sale.capital is not None and sale.capital.by_margin
                rolled = figures(view, valued, columns(valued, now), search.leg.index, now)
                return _roll(option, search.leg, rolled, (*reasons, *beside), by_margin=by_margin), rejections
            why = ", ".join(f"{code} {count}" for code, count in rejections.items()) or "no contract is quoted"
            refusal = reason(Code.NO_VALID_ROLL, f"no new leg is valid: {why}")
    profit = profit_fraction(option.credit, option.ask, fee_per_share(policy, contract))
    if profit > 0:
        gain = reason(
            Code.CLOSED_AT_A_PROFIT, f"without a roll it is closed, at a profit of {profit:.1%} of the credit"
        )
        return _close(option, row, (*reasons, refusal, gain, *beside)), rejections
    stay = reason(
        Code.HELD_TO_ASSIGNMENT, f"without a roll it is closed only at a profit, and that is {profit:.1%} of the credit"
    )
    return _hold(account, option, row, (*reasons, refusal, stay, *beside), policy), rejections


def _quoted(
    account: AccountView, holding: HoldingView, contract: OptionContract, valued: ValuedChain, now: datetime
) -> ShortOption | Reason:
    """Join the option with its quote, or say what is missing."""
    chain, symbol, today = valued.chain, contract.symbol, new_york_date(now)
    # After the close of the last day the chain has left the expiry out.
    gone = today == contract.last_trading_day and contract.expiry not in chain.expiries
    if today > contract.last_trading_day or gone:
        last = f"{symbol} last trades {contract.last_trading_day} and is no longer quoted"
        return reason(Code.AWAITING_SETTLEMENT, f"{last}: expiry and assignment are settled by the broker's file")
    if any(leg.symbol == symbol for leg in working_on(account, contract.underlying)):
        return reason(Code.WORKING_ORDER, f"an order for {symbol} is working already")
    if symbol not in chain.symbols:
        return reason(Code.NO_DATA, f"{symbol} is held and has no quote")
    i = chain.symbols.index(symbol)
    ask, bid = known(chain.ask[i]), known(chain.bid[i])
    if "stale" in valued.flags[i]:
        return reason(Code.STALE_DATA, f"the quote of {symbol} is stale, of {chain.quote_ts[i]} UTC")
    if ask is None:
        return reason(Code.NO_DATA, f"{symbol} is held and nobody offers it: the ask is unknown")
    if bid is not None and bid > ask:
        return reason(Code.NO_DATA, f"the quote of {symbol} is crossed, bid {bid:.2f} over ask {ask:.2f}")
    if holding.tax_basis is None or holding.tax_basis <= 0:
        return reason(Code.CREDIT_UNKNOWN, f"the premium received for {symbol} is unknown, so its profit is")
    return ShortOption(
        holding=holding,
        contract=contract,
        index=i,
        contracts=-holding.quantity,
        credit=float(holding.tax_basis),
        ask=ask,
        spot=chain.spot,
        dte=(contract.expiry - today).days,
    )


def _beside(
    account: AccountView,
    option: ShortOption,
    view: UnderlyingView,
    row: Figures,
    level: str,
    detail: str,
    now: datetime,
) -> tuple[Reason, ...]:
    made = list(notes(view, row, now))
    if level != "none":
        made.append(reason(Code(f"early_exercise_{level}"), detail))
    naked = coverage(account, view.symbol).naked_shares
    if option.contract.right is Right.CALL and naked:
        made.append(
            reason(Code.UNCOVERED_CALL, f"short calls on {view.symbol} would deliver {naked} shares that are not held")
        )
    return tuple(made)


def _hold(
    account: AccountView, option: ShortOption, row: Figures, reasons: tuple[Reason, ...], policy: WheelPolicy
) -> Recommendation:
    return Recommendation(
        id="",
        action=Action.HOLD,
        symbol=row.underlying,
        reasons=reasons,
        risk=_held_risk(account, option, row, policy),
        figures=row,
    )


def _held_risk(account: AccountView, option: ShortOption, row: Figures, policy: WheelPolicy) -> Risk:
    count, contract = option.contracts, option.contract
    if contract.right is Right.PUT:
        by_margin = name_capital(account, row.underlying, option.spot, policy).by_margin
        strike = np.array([row.strike])
        each = collateral_per_put(strike, option.spot, np.array([option.ask]), by_margin=by_margin)[0]
        risk = (row.strike - option.credit) * contract.exercise_multiplier * count
        return Risk(
            max_loss=round(max(0.0, risk), 2),
            probability_itm=row.probability_itm,
            breakeven=round(row.strike - option.credit, 6),
            margin=round(float(each) * contract.exercise_multiplier / 100 * count, 2),
        )
    covered = coverage(account, row.underlying).naked_shares == 0
    basis = [p.tax_basis for p in account.of(row.underlying) if p.contract is None and p.tax_basis is not None]
    return Risk(
        # A naked call can lose without bound.
        max_loss=round(max(0.0, option.spot - option.credit) * contract.exercise_multiplier * count, 2)
        if covered
        else None,
        probability_itm=row.probability_itm,
        breakeven=round(float(max(basis)) - option.credit, 6) if basis else None,
        margin=0.0 if covered else None,
    )


def _close(option: ShortOption, row: Figures, reasons: tuple[Reason, ...]) -> Recommendation:
    return Recommendation(
        id="",
        action=Action.CLOSE,
        symbol=row.underlying,
        legs=(Leg(symbol=option.contract.symbol, quantity=option.contracts),),
        limit_price=debit_limit(option.ask),
        effect=Effect.DEBIT,
        reasons=reasons,
        risk=Risk(max_loss=0.0, margin=0.0),
        figures=row,
    )


def _roll(
    option: ShortOption, leg: NewLeg, row: Figures, reasons: tuple[Reason, ...], *, by_margin: bool
) -> Recommendation:
    bid = row.bid or 0.0
    credit = reason(
        Code.NET_CREDIT,
        f"{leg.net} per share at the market, {leg.net_after_fees:.4f} after the fees of both legs: {option.contract.symbol} "
        f"is bought at {option.ask:.2f}, {row.symbol} sold at {bid:.2f}",
    )
    margin = 0.0
    if option.contract.right is Right.PUT:
        each = collateral_per_put(np.array([row.strike]), option.spot, np.array([bid]), by_margin=by_margin)
        margin = float(each[0]) * option.contracts
    return Recommendation(
        id="",
        action=Action.ROLL,
        symbol=row.underlying,
        legs=(
            Leg(symbol=option.contract.symbol, quantity=option.contracts),
            Leg(symbol=row.symbol, quantity=-option.contracts),
        ),
        limit_price=leg.net,
        effect=Effect.CREDIT,
        reasons=(*reasons, credit),
        risk=short_risk(row, option.contracts, premium=bid, margin=margin),
        figures=row,
    )
