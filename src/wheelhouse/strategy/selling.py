"""Opening sales: puts against cash, calls against shares."""

from datetime import datetime

from wheelhouse.ledger.orders import Effect, Leg, Reason
from wheelhouse.market.instruments import Right
from wheelhouse.pricing.valuation import ValuedChain
from wheelhouse.strategy.advice import Action, Figures, Recommendation, Risk, reason, wait
from wheelhouse.strategy.calendar_events import dividends_through, earnings_through, next_earnings
from wheelhouse.strategy.coverage import call_floor, coverage
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.rolling import credit_limit
from wheelhouse.strategy.screening import Sale, Screen, collateral, screen
from wheelhouse.strategy.sizing import Capital, capital, put_contracts
from wheelhouse.strategy.views import ROUND_LOT, AccountView, UnderlyingView, put_obligation

Sales = tuple[list[Recommendation], dict[str, int]]


def sell_puts(
    account: AccountView, view: UnderlyingView, valued: ValuedChain, policy: WheelPolicy, now: datetime
) -> Sales:
    """Recommend the best puts that the account can secure, or to wait.

    Returns
    -------
    Sales
        At most `policy.alternatives` recommendations, and the rejections by code.
    """
    behind = name_capital(account, view.symbol, valued.chain.spot, policy)
    sale = Sale(right=Right.PUT, capital=behind, held_long=held_long(account, view.symbol))
    found = screen(view, valued, sale, policy, now)
    if not found.admissible:
        return [nothing_to_sell(found)], found.rejections
    each = collateral(found.context)
    start = reason(
        Code.FLAT_WITH_CASH,
        f"no round lot and no option on {view.symbol} is open; {behind.available:,.2f} USD to secure puts",
    )
    made = []
    for i in found.admissible[: policy.alternatives]:
        row = found.row(i)
        tied = float(each[i])
        count, cap = put_contracts(behind, policy, strike=row.strike, collateral=tied)
        size = reason(Code.SIZE, f"{count} contracts of {tied:,.2f} USD each, limited by {cap}")
        made.append(_sale(Action.SELL_PUT, found, row, count, margin=count * tied, reasons=(start, size)))
    return made, found.rejections


def sell_calls(
    account: AccountView, view: UnderlyingView, valued: ValuedChain, policy: WheelPolicy, now: datetime
) -> Sales:
    """Recommend the best calls on the uncovered round lots, none below the floor, or to wait."""
    shares = coverage(account, view.symbol)
    count = min(
        shares.uncovered,
        int(shares.lots * policy.call_coverage + 1e-9) - (shares.lots - shares.uncovered),
        policy.max_contracts,
    )
    if count < 1:
        detail = f"{shares.uncovered} of {shares.lots} round lots are uncovered; the policy covers at most {policy.call_coverage:.0%}"
        return [wait(view.symbol, reason(Code.COVERAGE_REACHED, detail))], {}
    floor = call_floor(account, view.symbol, policy)
    if not floor.known:
        detail = f"the {policy.call_floor} basis of the shares is unknown, so no strike can be held against it"
        return [wait(view.symbol, reason(Code.BASIS_UNKNOWN, detail))], {}
    least = None if floor.price is None else float(floor.price)
    sale = Sale(right=Right.CALL, floor=least, held_long=held_long(account, view.symbol))
    found = screen(view, valued, sale, policy, now)
    if not found.admissible:
        return [nothing_to_sell(found)], found.rejections
    start = (
        reason(Code.UNCOVERED_LOTS, f"{shares.uncovered} of {shares.lots} round lots of {view.symbol} are uncovered"),
        reason(
            Code.CALL_FLOOR,
            "the policy has no floor" if least is None else f"{policy.call_floor} basis of {least:.2f} per share",
        ),
    )
    size = reason(Code.SIZE, f"{count} contracts, one for each lot to cover")
    made = [
        _sale(Action.SELL_CALL, found, found.row(i), count, margin=0.0, reasons=(*start, size))
        for i in found.admissible[: policy.alternatives]
    ]
    return made, found.rejections


def name_capital(account: AccountView, symbol: str, spot: float, policy: WheelPolicy) -> Capital:
    """What the account can put behind new puts on a name, given what it has in it already."""
    puts = (p for p in account.of(symbol) if p.is_short_option and p.contract and p.contract.right is Right.PUT)
    in_name = max(0, account.shares(symbol)) * spot + float(sum(put_obligation(p) for p in puts))
    return capital(account, policy, in_name=in_name)


def held_long(account: AccountView, symbol: str) -> frozenset[str]:
    """Options on a name of which the account is long."""
    return frozenset(p.symbol for p in account.of(symbol) if p.contract is not None and p.quantity > 0)


def nothing_to_sell(found: Screen) -> Recommendation:
    """Wait, saying which rules refused how many contracts and which contract came nearest."""
    chain, right = found.context.valued.chain, found.context.sale.right.value
    if not found.count:
        return wait(chain.underlying, reason(Code.NO_DATA, f"no {right} on {chain.underlying} is quoted"))
    if found.rejections.get(Code.STALE) == found.count:
        return wait(chain.underlying, reason(Code.STALE_DATA, f"the quotes of all {found.count} {right}s are stale"))
    reasons = [reason(Code.NOTHING_ADMISSIBLE, f"none of {found.count} {right}s on {chain.underlying} may be sold")]
    nearest = found.nearest_miss
    if nearest is not None:
        codes = ", ".join(code.value for code in found.broken_by(nearest))
        reasons.append(reason(Code.NEAREST_MISS, f"{chain.symbols[nearest]} breaks only {codes}"))
    reasons += [reason(Code(code), f"{count} of {found.count} {right}s") for code, count in found.rejections.items()]
    return wait(chain.underlying, *reasons)


def notes(view: UnderlyingView, row: Figures, now: datetime) -> tuple[Reason, ...]:
    """What to know about selling or holding a contract that no rule refuses."""
    made = []
    report = earnings_through(view.terms, row.last_trading_day, now)
    if next_earnings(view.terms, now) is None:
        made.append(
            reason(
                Code.EARNINGS_UNKNOWN,
                f"no coming report of {view.symbol} is known, which does not mean that there is none",
            )
        )
    elif report is not None:
        made.append(
            reason(Code.EARNINGS_BEFORE_EXPIRY, f"earnings on {report.date} ({report.session}), before the expiry")
        )
    due = dividends_through(view.terms, row.expiry, now)
    if due:
        made.append(
            reason(
                Code.EX_DIVIDEND_BEFORE_EXPIRY,
                f"ex-date {due[0].ex_date}, {due[0].amount} per share, before the expiry",
            )
        )
    if row.open_interest is None:
        made.append(reason(Code.OPEN_INTEREST_UNKNOWN, f"the open interest of {row.symbol} is not in the data"))
    return tuple(made)


def short_risk(row: Figures, count: int, *, premium: float, margin: float) -> Risk:
    """Risk of `count` contracts sold at a premium, against their strike in cash or against shares."""
    base = row.spot if row.right is Right.CALL else row.strike
    return Risk(
        max_loss=round(max(0.0, base - premium) * ROUND_LOT * count, 2),
        probability_itm=row.probability_itm,
        breakeven=round(base - premium, 6),
        margin=round(margin, 2),
        annualized_yield=row.annualized_yield,
    )


def _sale(
    action: Action, found: Screen, row: Figures, count: int, *, margin: float, reasons: tuple[Reason, ...]
) -> Recommendation:
    context = found.context
    bid = row.bid or 0.0
    worth = row.annualized_yield or 0.0
    best = reason(
        Code.BEST_YIELD,
        f"{worth:.1%} a year at the bid of {bid:.2f}, {row.dte} days; {len(found.admissible)} of {found.count} "
        f"{row.right.value}s may be sold",
    )
    return Recommendation(
        id="",
        action=action,
        symbol=row.underlying,
        legs=(Leg(symbol=row.symbol, quantity=-count),),
        limit_price=credit_limit(bid),
        effect=Effect.CREDIT,
        reasons=(*reasons, best, *notes(context.view, row, context.now)),
        risk=short_risk(row, count, premium=bid, margin=margin),
        figures=row,
    )
