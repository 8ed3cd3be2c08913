"""The wheel's state machine: from an account and a market to what should be done now.

::

    open short option ──► roll, close or hold          managing.py, rolling.py
    uncovered round lot ──► sell_call                  selling.py, no strike below policy.call_floor
    flat, with cash ──► sell_put                       selling.py
    data that cannot be trusted, nothing that qualifies ──► wait, with the reasons

Pure: the same views, policy and moment give the same advice, ids and ranks included. Missing or stale data make a wait, an internal
error is an exception; neither ever becomes a hold. Every recommendation stands alone, sized as if no other were taken: after acting
on one, ask again.
"""

from collections import Counter
from datetime import datetime

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.orders import Reason
from wheelhouse.strategy.advice import Action, Advice, Data, Recommendation, identified, ranked, reason, wait
from wheelhouse.strategy.coverage import coverage, working_on
from wheelhouse.strategy.figures import known
from wheelhouse.strategy.managing import manage
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.selling import sell_calls, sell_puts
from wheelhouse.strategy.views import AccountView, DataState, HoldingView, MarketView, UnderlyingView

_BADNESS: dict[DataState, int] = {"fresh": 0, "stale": 1, "missing": 2}


def recommend(account: AccountView, market: MarketView, policy: WheelPolicy, now: datetime) -> Advice:
    """Say what the account should do about each underlying of the market view.

    Parameters
    ----------
    market
        Exactly the underlyings that advice is wanted for. One that is held but has no data belongs in it as missing: it gets a wait.
    now
        Aware. Days to expiry, earnings and ex-dates are counted from its date in New York.

    Returns
    -------
    Advice
        Closes and rolls first, then sales by annualised yield at the bid, then holds, then waits; see `advice.ranked`.

    Raises
    ------
    InvalidInput
        If `now` has no time zone, or an underlying is filed under another symbol than its own.
    """
    if now.tzinfo is None:
        raise InvalidInput(f"now = {now.isoformat()} has no time zone; pass an aware datetime")
    made: list[Recommendation] = []
    rejections: Counter[str] = Counter()
    for symbol, view in sorted(market.underlyings.items()):
        if view.symbol != symbol:
            raise InvalidInput(
                f"the market view files {view.symbol} under {symbol}; file each underlying under its own symbol"
            )
        recommendations, refused = _about(account, view, policy, now)
        made += recommendations
        rejections.update(refused)
    return Advice(
        as_of=now,
        recommendations=ranked([identified(account.id, item) for item in made]),
        rejections=dict(sorted(rejections.items(), key=lambda item: (-item[1], item[0]))),
        data=_data(market),
    )


def data_problem(view: UnderlyingView) -> Reason | None:
    """Say why no advice can rest on an underlying's data; None if it can."""
    if (
        view.state == "missing"
        or view.chain is None
        or known(view.chain.chain.spot) is None
        or view.chain.chain.spot <= 0
    ):
        what = "no option chain" if view.state != "missing" and view.chain is None else "no quote and no close"
        return reason(Code.NO_DATA, f"{view.symbol} has {what}")
    if view.state == "stale":
        age = "of unknown age" if view.age_seconds is None else f"{view.age_seconds:.0f} s of session time old"
        return reason(Code.STALE_DATA, f"the quote of {view.symbol} is {age}")
    return None


def _about(
    account: AccountView, view: UnderlyingView, policy: WheelPolicy, now: datetime
) -> tuple[list[Recommendation], Counter[str]]:
    rejections: Counter[str] = Counter()
    if account.halted:
        return [
            wait(view.symbol, reason(Code.HALTED, f"account {account.id} is halted: no order may be sent"))
        ], rejections
    problem = data_problem(view)
    if problem is not None or view.chain is None:
        return [wait(view.symbol, problem or reason(Code.NO_DATA, f"{view.symbol} has no option chain"))], rejections
    made: list[Recommendation] = []
    held = account.of(view.symbol)
    for holding in held:
        if holding.contract is not None and holding.quantity < 0:
            item, refused = manage(account, holding, holding.contract, view, view.chain, policy, now)
            made.append(item)
            rejections.update(refused)
        elif holding.contract is not None or holding.quantity < 0:
            made.append(_outside(holding))
    shares = coverage(account, view.symbol)
    if shares.uncovered:
        sales, refused = sell_calls(account, view, view.chain, policy, now)
        made += sales
        rejections.update(refused)
    if policy.concurrent_puts or not (shares.lots or any(p.contract is not None or p.quantity < 0 for p in held)):
        if working_on(account, view.symbol):
            made.append(wait(view.symbol, reason(Code.WORKING_ORDER, f"an order in {view.symbol} is working already")))
        else:
            sales, refused = sell_puts(account, view, view.chain, policy, now)
            made += sales
            rejections.update(refused)
    if not made:
        made.append(
            wait(view.symbol, reason(Code.WORKING_ORDER, f"orders claim all {shares.lots} round lots of {view.symbol}"))
        )
    return made, rejections


def _outside(holding: HoldingView) -> Recommendation:
    kind = "long options" if holding.contract is not None else "short shares"
    return Recommendation(
        id="",
        action=Action.HOLD,
        symbol=holding.underlying,
        reasons=(
            reason(Code.OUTSIDE_THE_WHEEL, f"{holding.quantity} {holding.symbol}: {kind} are no part of the wheel"),
        ),
    )


def _data(market: MarketView) -> Data:
    views = market.underlyings.values()
    state: DataState = max((v.state for v in views), key=lambda s: _BADNESS[s], default="missing")
    ages = [v.age_seconds for v in views]
    complete = [age for age in ages if age is not None]
    return Data(state=state, age_seconds=max(complete) if complete and len(complete) == len(ages) else None)
