import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import QuantLib as ql
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.market.events import Dividend, Terms
from wheelhouse.market.instruments import (
    Deliverable,
    Exercise,
    OptionContract,
    Right,
    Settlement,
    contract_from_osi,
)
from wheelhouse.strategy.expiration import (
    ExpirationAction,
    call_early_exercise,
    cash_if_assigned,
    early_exercise,
    expirations,
    moneyness,
    pin_state,
    put_early_exercise,
    shares_if_assigned,
)
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.views import HoldingView, MarketView

EX_DATE = date(2024, 3, 5)
EXPIRY = date(2024, 3, 26)
PUT_100 = contract_from_osi("XYZ240315P00100000")
CALL_100 = contract_from_osi("XYZ240315C00100000")


def american_call_on_the_eve(spot: float, *, dividend: float, sigma: float, rate: float) -> float:
    """Worth of the call the evening before the ex-date: exercise now, or hold a call on the shares without the dividend."""
    exercised = spot - 100
    today = ql.Date(5, 3, 2024)
    ql.Settings.instance().evaluationDate = today
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot - dividend)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, ql.Actual365Fixed())),
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate, ql.Actual365Fixed())),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), sigma, ql.Actual365Fixed())),
    )
    option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Call, 100.0), ql.EuropeanExercise(ql.Date(26, 3, 2024)))
    option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
    return max(exercised, option.NPV())


# The vector: K = 100, D = 1, 21 days, sigma 25 %, r 4 %.
@pytest.mark.parametrize(("spot", "level"), [(103.0, "warning"), (105.0, "warning"), (106.0, "alarm")])
def test_the_known_calls_warn_and_alarm(spot: float, level: str) -> None:
    bid = american_call_on_the_eve(spot, dividend=1.0, sigma=0.25, rate=0.04)
    found = call_early_exercise(
        spot=spot,
        strike=100.0,
        bid=bid,
        volatility=0.25,
        rate=0.04,
        dividends=(Dividend(ex_date=EX_DATE, amount=Decimal(1)),),
        expiry=EXPIRY,
    )
    assert bid - (spot - 100) < 1.0  # the warning's condition holds for all three
    assert found.level == level
    assert found.ex_date == EX_DATE


@given(
    spot=st.floats(90, 130),
    dividend=st.decimals("0.05", "3", places=2),
    sigma=st.floats(0.08, 0.6),
    rate=st.floats(0, 0.08),
)
def test_a_call_alarms_exactly_when_exercise_on_the_eve_beats_holding(
    spot: float, dividend: Decimal, sigma: float, rate: float
) -> None:
    exercised = spot - 100
    worth = american_call_on_the_eve(spot, dividend=float(dividend), sigma=sigma, rate=rate)
    found = call_early_exercise(
        spot=spot,
        strike=100.0,
        bid=0.0,
        volatility=sigma,
        rate=rate,
        dividends=(Dividend(ex_date=EX_DATE, amount=dividend),),
        expiry=EXPIRY,
    )
    held = american_call_on_the_eve(100.0, dividend=100.0 - (spot - float(dividend)), sigma=sigma, rate=rate)
    if abs(exercised - held) > 1e-6:
        assert (found.level == "alarm") == (exercised > held)
    assert worth >= exercised


def test_without_an_ex_date_or_money_a_call_is_quiet() -> None:
    common: dict[str, Any] = {"strike": 100.0, "bid": 6.0, "volatility": 0.2, "rate": 0.04, "expiry": EXPIRY}
    due = (Dividend(ex_date=EX_DATE, amount=Decimal(1)),)
    assert call_early_exercise(spot=106.0, dividends=(), **common).level == "none"
    assert call_early_exercise(spot=99.0, dividends=due, **common).level == "none"
    assert call_early_exercise(spot=106.0, dividends=due, **(common | {"bid": 8.0, "volatility": 0.9})).level == "none"


def test_an_unknown_bid_warns_and_an_unknown_volatility_never_alarms() -> None:
    due = (Dividend(ex_date=EX_DATE, amount=Decimal(1)),)
    found = call_early_exercise(
        spot=120.0, strike=100.0, bid=None, volatility=None, rate=0.04, dividends=due, expiry=EXPIRY
    )
    assert found.level == "warning"
    assert "unknown" in found.detail


def test_two_dividends_count_together_on_the_first_ex_date() -> None:
    """Each alone does not pay for the interest and the put; together they do."""
    later = Dividend(ex_date=date(2024, 6, 5), amount=Decimal("0.60"))
    first = Dividend(ex_date=EX_DATE, amount=Decimal("0.60"))
    common: dict[str, Any] = {
        "spot": 130.0,
        "strike": 100.0,
        "bid": 29.9,
        "volatility": 0.15,
        "rate": 0.04,
        "expiry": date(2024, 6, 10),
    }
    interest = 100 * (1 - math.exp(-0.04 * 97 / 365))
    assert 0.60 < interest < 0.60 + 0.60 * math.exp(-0.04 * 92 / 365)
    assert call_early_exercise(dividends=(first,), **common).level == "warning"
    assert call_early_exercise(dividends=(first, later), **common).level == "alarm"


def put_case(**changes: Any) -> str:
    given_: dict[str, Any] = {
        "spot": 60.0,
        "strike": 100.0,
        "bid": 40.0,
        "volatility": 0.25,
        "rate": 0.05,
        "dividend_yield": 0.0,
        "dividends": (),
        "years": 0.5,
        "today": date(2024, 3, 4),
    }
    return put_early_exercise(**(given_ | changes)).level


def test_a_deep_put_alarms_by_the_bound_and_its_extrinsic_value() -> None:
    assert put_case() == "alarm"
    assert put_case(bid=40.01) == "alarm"
    assert put_case(bid=40.05) == "warning"
    assert put_case(bid=None) == "warning"
    assert put_case(spot=98.0, bid=2.0) == "none"
    assert put_case(spot=101.0) == "none"
    assert put_case(rate=0.0) == "none"


def test_dividends_left_keep_a_put_alive_listed_or_as_a_yield() -> None:
    interest = 100 * (1 - math.exp(-0.05 * 0.5))
    assert interest == pytest.approx(2.469, abs=1e-3)
    assert put_case(dividends=(Dividend(ex_date=date(2024, 5, 1), amount=Decimal("2.60")),)) == "none"
    assert put_case(dividends=(Dividend(ex_date=date(2024, 5, 1), amount=Decimal("2.00")),)) == "alarm"
    assert put_case(dividend_yield=0.10) == "none"  # 60 (1 - e^-0.05) = 2.93 exceeds the interest
    assert put_case(dividend_yield=0.02) == "alarm"


def test_the_bound_of_a_put_is_necessary() -> None:
    """Where an American put is worth its intrinsic value, exercise pays and the bound must hold (QuantLib's QD+ engine)."""
    today = ql.Date(4, 3, 2024)
    ql.Settings.instance().evaluationDate = today
    optimal = 0
    for spot in range(40, 100, 5):
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(ql.SimpleQuote(float(spot))),
            ql.YieldTermStructureHandle(ql.FlatForward(today, 0.01, ql.Actual365Fixed())),
            ql.YieldTermStructureHandle(ql.FlatForward(today, 0.05, ql.Actual365Fixed())),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), 0.25, ql.Actual365Fixed())),
        )
        option = ql.VanillaOption(
            ql.PlainVanillaPayoff(ql.Option.Put, 100.0), ql.AmericanExercise(today, today + ql.Period(182, ql.Days))
        )
        option.setPricingEngine(ql.QdFpAmericanEngine(process))
        if option.NPV() <= 100 - spot + 1e-9:
            optimal += 1
            assert put_case(spot=float(spot), bid=100.0 - spot, dividend_yield=0.01, years=182 / 365) == "alarm"
    assert optimal >= 3


@pytest.mark.parametrize("strike", [85.0, 70.0], ids=["the other right", "the nearest strike"])
def test_a_volatility_that_the_quote_does_not_give_comes_from_a_neighbour(world: Any, strike: float) -> None:
    deep = world.symbol("call", strike, world.expiries[1])
    twin = world.symbol("put", strike, world.expiries[1])
    valued = world.chain(quotes={deep: {"bid": math.nan}}, rate=0.0)
    view = world.view(valued, terms=Terms(dividends=(Dividend(ex_date=date(2024, 3, 20), amount=Decimal(1)),)))
    i = valued.chain.symbols.index(deep)
    assert math.isnan(valued.implied_volatility[i])
    assert math.isnan(valued.implied_volatility[valued.chain.symbols.index(twin)]) == (strike == 70.0)
    assert early_exercise(view, valued, i, world.now).level == "alarm"
    every = {
        world.symbol(right, k, world.expiries[1]): {"bid": math.nan} for right in ("put", "call") for k in world.strikes
    }
    without = world.chain(quotes=every, rate=0.0)
    assert early_exercise(view, without, i, world.now).level == "warning"


def test_european_options_and_special_dividends_raise_nothing(world: Any) -> None:
    deep = world.symbol("call", 70.0, world.expiries[1])
    european = world.chain(exercise=Exercise.EUROPEAN)
    i = european.chain.symbols.index(deep)
    due = Terms(dividends=(Dividend(ex_date=date(2024, 3, 20), amount=Decimal(3)),))
    special = Terms(dividends=(Dividend(ex_date=date(2024, 3, 20), amount=Decimal(3), kind="special"),))
    gone = Terms(dividends=(Dividend(ex_date=date(2024, 3, 4), amount=Decimal(3)),))
    assert early_exercise(world.view(european, terms=due), european, i, world.now).level == "none"
    american = world.chain()
    assert early_exercise(world.view(american, terms=due), american, i, world.now).level == "alarm"
    assert early_exercise(world.view(american, terms=special), american, i, world.now).level == "none"
    assert early_exercise(world.view(american, terms=gone), american, i, world.now).level == "none"


@given(spot=st.floats(1, 1000))
def test_moneyness_of_call_and_put_are_opposite_and_decide_the_state(spot: float) -> None:
    assert moneyness(CALL_100, spot) == pytest.approx(-moneyness(PUT_100, spot))
    assert moneyness(CALL_100, spot) == pytest.approx(spot / 100 - 1)
    state = pin_state(PUT_100, spot, 0.0025)
    if abs(spot - 100) > 0.26:
        assert state == ("itm" if spot < 100 else "otm")
    elif abs(spot - 100) <= 0.25:
        assert state == "pin"


def test_cash_and_shares_move_against_each_other() -> None:
    assert (cash_if_assigned(PUT_100, -3, 90.0), shares_if_assigned(PUT_100, -3)) == (Decimal("-30000.00"), 300)
    assert (cash_if_assigned(CALL_100, -3, 110.0), shares_if_assigned(CALL_100, -3)) == (Decimal("30000.00"), -300)
    assert (cash_if_assigned(PUT_100, 2, 90.0), shares_if_assigned(PUT_100, 2)) == (Decimal("20000.00"), -200)
    assert (cash_if_assigned(CALL_100, 2, 110.0), shares_if_assigned(CALL_100, 2)) == (Decimal("-20000.00"), 200)


def adjusted(right: Right, *, cash: str = "0") -> OptionContract:
    """After a 1-for-10 reverse split: strike 5 pays 500 for 10 shares."""
    letter = "P" if right is Right.PUT else "C"
    plain = contract_from_osi(f"XYZ1  240315{letter}00005000")
    return OptionContract(
        symbol=plain.symbol,
        underlying="XYZ",
        expiry=plain.expiry,
        last_trading_day=plain.last_trading_day,
        strike=plain.strike,
        right=right,
        deliverable=Deliverable(shares=(("XYZ", 10),), cash=Decimal(cash)),
    )


def test_an_adjusted_series_is_assigned_and_judged_by_its_deliverable() -> None:
    put = adjusted(Right.PUT)
    assert (cash_if_assigned(put, -1, 40.0), shares_if_assigned(put, -1)) == (Decimal("-500.00"), 10)
    assert moneyness(put, 40.0) == pytest.approx(0.2)  # 10 shares of 40 against 500
    assert pin_state(put, 50.0, 0.0025) == "pin"
    with_cash = adjusted(Right.PUT, cash="7.50")
    assert cash_if_assigned(with_cash, -2, 40.0) == Decimal("-985.00")
    assert moneyness(with_cash, 49.25) == pytest.approx(0.0)


def test_an_index_settles_in_cash() -> None:
    index = contract_from_osi("SPX   240315P05000000", exercise=Exercise.EUROPEAN, settlement=Settlement.CASH)
    assert (cash_if_assigned(index, -2, 4990.0), shares_if_assigned(index, -2)) == (Decimal("-2000.00"), 0)
    assert cash_if_assigned(index, -2, 5010.0) == 0
    assert cash_if_assigned(index, 1, 4990.0) == Decimal("1000.00")


def look(world: Any, holding: HoldingView, valued: Any, **view: Any) -> Any:
    account = world.account(holding)
    found = expirations(account, MarketView.of(world.view(valued, **view)), WheelPolicy(), world.now)
    assert len(found) == 1
    return found[0]


def test_each_open_option_gets_a_plan(world: Any) -> None:
    expiry = world.expiries[0]
    short_put = world.option("put", 90.0, expiry, -2)
    out = look(world, short_put, world.chain())
    assert (out.state, out.action, out.cash_if_assigned, out.shares_if_assigned) == (
        "otm",
        ExpirationAction.LET_EXPIRE,
        Decimal("-18000.00"),
        200,
    )
    assert out.moneyness == pytest.approx(-10 / 90)
    inside = look(world, short_put, world.chain(spot=85.0))
    assert (inside.state, inside.action) == ("itm", ExpirationAction.EXPECT_ASSIGNMENT)
    pinned = look(world, short_put, world.chain(spot=90.1))
    assert (pinned.state, pinned.action) == ("pin", ExpirationAction.PLAN_BOTH)
    bought = look(world, world.option("call", 90.0, expiry, 1), world.chain())
    assert (bought.state, bought.action, bought.early_exercise) == ("itm", ExpirationAction.EXPECT_EXERCISE, "none")
    called = look(
        world,
        world.option("call", 70.0, expiry, -1),
        world.chain(),
        terms=Terms(dividends=(Dividend(ex_date=date(2024, 3, 8), amount=Decimal(2)),)),
    )
    assert (called.early_exercise, called.action) == ("alarm", ExpirationAction.EXPECT_EARLY_ASSIGNMENT)


def test_without_data_nothing_is_claimed(world: Any) -> None:
    missing = look(world, world.option("put", 90.0, world.expiries[0]), None, state="missing", age_seconds=None)
    assert (missing.state, missing.moneyness, missing.action) == (None, None, ExpirationAction.WAIT_FOR_DATA)
    assert missing.cash_if_assigned == Decimal("-9000.00")
    past = world.option("put", 90.0, date(2024, 3, 1))
    assert look(world, past, world.chain()).action is ExpirationAction.AWAIT_SETTLEMENT


def test_expirations_come_soonest_first_and_only_of_the_names_asked_for(world: Any) -> None:
    account = world.account(
        world.shares(100),
        world.option("call", 110.0, world.expiries[2]),
        world.option("put", 90.0, world.expiries[0]),
        world.option("put", 50.0, world.expiries[0], root="ABC"),
    )
    found = expirations(
        account, MarketView.of(world.view(world.chain())), WheelPolicy(), datetime(2024, 3, 4, 15, tzinfo=UTC)
    )
    assert [item.last_trading_day for item in found] == [world.expiries[0], world.expiries[2]]
