from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from seatrial.checks.books import books_gap
from seatrial.errors import TargetFailure
from seatrial.scenarios.end_to_end import check_advice, check_risk, unexplained
from seatrial.scenarios.oracle import comparable, compare
from seatrial.target.records import (
    Account,
    AccountPosition,
    Chain,
    ChainContract,
    DataState,
    Exposure,
    Fill,
    LedgerEvent,
    Leg,
    Margin,
    Order,
    Reason,
    Recommendation,
    Recommendations,
    Risk,
)

NOW = datetime(2013, 3, 1, 14, 30, tzinfo=UTC)
PUT = "AAPL  130316P00150000"
CALL = "AAPL  130316C00150000"


def account(cash, positions=()) -> Account:
    held = tuple(
        AccountPosition(
            symbol=symbol, quantity=quantity, mark=None, market_value=None, tax_basis=None, campaign_basis=None
        )
        for symbol, quantity in positions
    )
    return Account(
        id="a",
        name="n",
        kind="cash",
        as_of=NOW,
        cash=cash,
        equity=None,
        liquidation_equity=None,
        buying_power=None,
        reserved=0.0,
        halted=False,
        positions=held,
    )


def event(sequence, kind, cash=0.0, symbol=None, quantity=None, **more) -> LedgerEvent:
    return LedgerEvent(
        sequence=sequence,
        id=more.pop("id", f"e{sequence}"),
        ts=NOW,
        kind=kind,
        symbol=symbol,
        quantity=quantity,
        price=None,
        cash=cash,
        **more,
    )


BEFORE = account(1000.0)
AFTER = account(1119.35, [(PUT, -1)])
LEDGER = (
    event(1, "cash", 1000.0),
    event(2, "fill", 120.0, PUT, -1, order_id="o"),
    event(3, "fee", -0.65, order_id="o"),
)
ORDER = Order(
    id="o",
    status="filled",
    legs=(Leg(symbol=PUT, quantity=-1),),
    fills=(Fill(id="f", ts=NOW, symbol=PUT, quantity=-1, price=1.2, fee=0.65),),
)


def test_books_that_add_up_leave_nothing_unexplained():
    assert unexplained(BEFORE, AFTER, LEDGER, ORDER) == 0.0
    assert books_gap(AFTER, LEDGER) == 0.0


def test_shares_are_paid_for_one_by_one():
    bought = account(900.0, [("AAPL", 1)])
    ledger = (event(1, "cash", 1000.0), event(2, "fill", -100.0, "AAPL", 1, order_id="o"))
    fill = Fill(id="f", ts=NOW, symbol="AAPL", quantity=1, price=100.0, fee=0.0)
    assert unexplained(BEFORE, bought, ledger, replace(ORDER, fills=(fill,))) == 0.0


@pytest.mark.parametrize(
    ("after", "ledger", "order", "least"),
    [
        (replace(AFTER, cash=1119.36), LEDGER, ORDER, 0.01),
        (replace(AFTER, positions=()), LEDGER, ORDER, 1.0),
        (AFTER, LEDGER[:1], ORDER, 119.0),
        (AFTER, (LEDGER[0], replace(LEDGER[1], order_id="other"), LEDGER[2]), ORDER, 1.0),
        (AFTER, (*LEDGER[:2], replace(LEDGER[2], sequence=4)), ORDER, 1.0),
        (AFTER, (*LEDGER[:2], replace(LEDGER[2], id="e2")), ORDER, 1.0),
        (AFTER, LEDGER, replace(ORDER, fills=()), 119.0),
    ],
    ids=["cash", "position", "no fill", "fill of another order", "gap", "same event twice", "fill not told"],
)
def test_what_does_not_add_up_is_counted(after, ledger, order, least):
    assert unexplained(BEFORE, after, ledger, order) >= least


def risk(**var) -> Risk:
    return Risk(
        as_of=NOW,
        exposure=Exposure(
            delta_shares=100.0,
            dollar_delta=20_000.0,
            beta_weighted_delta=None,
            gamma=0.0,
            theta_per_day=0.0,
            vega_per_vol_point=0.0,
        ),
        margin=Margin(initial=0.0, maintenance=0.0, method="cash"),
        horizon_days=1,
        var={method: {"0.95": low, "0.99": high} for method, (low, high, _) in var.items()},
        es={method: {"0.95": tail} for method, (_, _, tail) in var.items()},
    )


def test_risk_that_follows_from_arithmetic_is_accepted(make_context):
    check_risk(make_context(), risk(normal=(300.0, 420.0, 380.0)), shares=100, spot=200.0)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (risk(), "at least one method"),
        (risk(normal=(None, None, None)), "at least one method"),
        (risk(normal=(-300.0, 420.0, 380.0)), "loss over 0"),
        (risk(normal=(300.0, 420.0, 200.0)), "ES 200.0 is at least VaR"),
        (risk(normal=(300.0, 200.0, 380.0)), "99 %"),
    ],
)
def test_risk_that_cannot_be_is_refused(make_context, answer, words):
    with pytest.raises(TargetFailure, match=words):
        check_risk(make_context(), answer, shares=100, spot=200.0)


def test_exposure_is_arithmetic(make_context):
    sound = risk(normal=(300.0, 420.0, 380.0))
    with pytest.raises(TargetFailure, match="have delta"):
        check_risk(make_context(), sound, shares=200, spot=200.0)
    with pytest.raises(TargetFailure, match="dollar delta"):
        check_risk(make_context(), sound, shares=100, spot=300.0)


def contract(symbol, right) -> ChainContract:
    return ChainContract(
        symbol=symbol,
        expiry=date(2013, 3, 16),
        last_trading_day=date(2013, 3, 15),
        years_to_expiry=0.04,
        strike=150.0,
        right=right,
        bid=1.2,
        ask=1.3,
        mark=1.25,
        quote_ts=NOW,
        implied_volatility=0.5,
        delta=-0.05,
        gamma=None,
        theta_per_day=None,
        vega_per_vol_point=None,
        rho_per_rate_point=None,
        volume=None,
        open_interest=None,
    )


CHAIN = Chain(
    symbol="AAPL",
    spot=200.0,
    as_of=NOW,
    rate=0.01,
    dividend_yield=0.0,
    model="american",
    priced_at=NOW,
    contracts=(contract(PUT, "put"), contract(CALL, "call")),
)
PIECE = Recommendation(
    id="r",
    action="sell_put",
    symbol="AAPL",
    legs=(Leg(symbol=PUT, quantity=-1),),
    limit_price=1.2,
    effect="credit",
    reasons=(Reason(code="yield", detail="enough"),),
    risk=None,
    rank=1,
)


def advice(*pieces, state="fresh") -> Recommendations:
    return Recommendations(
        as_of=NOW, recommendations=pieces, rejections={}, data=DataState(state=state, age_seconds=0.0)
    )


def test_sound_advice_is_taken(make_context):
    hold = replace(PIECE, action="hold", legs=(), limit_price=None, effect=None)
    assert check_advice(make_context(), advice(hold, PIECE), [CHAIN]) is PIECE


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (advice(), "there is advice"),
        (advice(PIECE, state="stale"), "fresh data"),
        (advice(replace(PIECE, reasons=())), "says why"),
        (advice(replace(PIECE, legs=(Leg(symbol="AAPL  130316P00999000", quantity=-1),))), "is listed"),
        (advice(replace(PIECE, legs=(Leg(symbol="AAPL", quantity=-1),))), "listed contract"),
        (advice(replace(PIECE, legs=(Leg(symbol=CALL, quantity=-1),))), "of its kind"),
        (advice(replace(PIECE, legs=(Leg(symbol=PUT, quantity=1),))), "sells"),
        (advice(replace(PIECE, effect="debit")), "credit"),
        (advice(replace(PIECE, limit_price=None)), "lies in the market"),
        (advice(replace(PIECE, limit_price=1.31)), "lies in the market"),
        (advice(replace(PIECE, action="hold", legs=())), "no advice to sell"),
    ],
)
def test_advice_that_cannot_be_followed_is_refused(make_context, answer, words):
    with pytest.raises(TargetFailure, match=words):
        check_advice(make_context(), answer, [CHAIN])


def test_a_delta_of_the_wrong_sign_is_far_from_the_oracle_s():
    wrong = replace(CHAIN, contracts=tuple(replace(c, delta=0.9) for c in CHAIN.contracts[:1]))
    assert compare(wrong).delta_error.max() > 0.5
    unpriced = replace(CHAIN, contracts=tuple(replace(c, implied_volatility=None) for c in CHAIN.contracts))
    assert comparable(unpriced) == []
