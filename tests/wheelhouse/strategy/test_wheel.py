import math
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.orders import Effect, Leg, Order
from wheelhouse.market.events import Dividend, Earnings, Terms
from wheelhouse.market.instruments import AccountKind
from wheelhouse.strategy.advice import Action, Advice, Recommendation
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.views import MarketView
from wheelhouse.strategy.wheel import recommend


def advise(
    world: Any, *positions: Any, policy: WheelPolicy | None = None, view: Any = None, account: Any = None, **chain: Any
) -> Advice:
    seen = view if view is not None else world.view(world.chain(**chain))
    return recommend(account or world.account(*positions), MarketView.of(seen), policy or WheelPolicy(), world.now)


def only(advice: Advice) -> Recommendation:
    assert len(advice.recommendations) == 1
    return advice.recommendations[0]


def codes(item: Recommendation) -> list[str]:
    return [reason.code for reason in item.reasons]


def detail(item: Recommendation, code: str) -> str:
    return next(reason.detail for reason in item.reasons if reason.code == code)


def test_flat_with_cash_sells_the_put_that_pays_most_a_year(world: Any) -> None:
    valued = world.chain()
    item = only(advise(world, view=world.view(valued)))
    chain = valued.chain
    best = max(
        (
            i
            for i in range(len(chain))
            if not chain.is_call[i]
            and 0.15 <= -valued.delta[i] <= 0.30
            and chain.expiry[i].item() in world.expiries[1:3]
        ),
        key=lambda i: (
            chain.bid[i] / (chain.strike[i] - chain.bid[i]) / (chain.expiry[i].item() - date(2024, 3, 4)).days
        ),
    )
    bid, strike, dte = chain.bid[best], chain.strike[best], (chain.expiry[best].item() - date(2024, 3, 4)).days
    count = int(50_000 // (strike * 100))
    assert (item.action, item.effect, item.rank, item.symbol) == (Action.SELL_PUT, Effect.CREDIT, 1, "XYZ")
    assert item.legs == (Leg(symbol=chain.symbols[best], quantity=-count),)
    assert item.limit_price == Decimal(f"{bid:.2f}")
    assert item.risk.max_loss == pytest.approx((strike - bid) * 100 * count)
    assert item.risk.margin == pytest.approx(strike * 100 * count)
    assert item.risk.breakeven == pytest.approx(strike - bid)
    assert item.risk.annualized_yield == pytest.approx(bid / (strike - bid) * 365 / dte)
    assert item.risk.probability_itm == valued.probability_itm[best]
    assert codes(item) == ["flat_with_cash", "size", "best_yield", "earnings_unknown"]
    assert "unknown" not in detail(item, "best_yield")


def test_the_legs_can_be_sent_as_an_order(world: Any) -> None:
    cases = [
        advise(world),
        advise(world, world.shares(300)),
        advise(world, world.option("put", 90.0, world.expiries[0], credit="20.00")),
        advise(
            world, world.option("put", 90.0, world.expiries[0], credit="20.00"), policy=WheelPolicy.preset("early_exit")
        ),
    ]
    seen = set()
    for advice in cases:
        for item in advice.recommendations:
            seen.add(item.action)
            Order(
                id="o",
                account_id="a",
                created_at=world.now,
                legs=item.legs,
                limit_price=item.limit_price,
                effect=item.effect,
            )
    assert seen == {Action.SELL_PUT, Action.SELL_CALL, Action.ROLL, Action.CLOSE}


def test_uncovered_lots_sell_calls_at_or_above_the_basis(world: Any) -> None:
    item = only(advise(world, world.shares(350, "103")))
    assert item.action is Action.SELL_CALL
    assert item.legs[0].quantity == -3
    assert item.figures is not None
    assert item.figures.strike >= 103
    assert item.figures.bid is not None
    assert item.risk.max_loss == pytest.approx((100 - item.figures.bid) * 300)
    assert item.risk.margin == 0.0
    assert item.risk.breakeven == pytest.approx(100 - item.figures.bid)
    assert codes(item)[:3] == ["uncovered_lots", "call_floor", "size"]


@pytest.mark.parametrize(("choice", "least"), [("tax", 112.0), ("campaign", 107.0), ("none", 100.0)])
def test_the_floor_is_the_policys_basis(world: Any, choice: str, least: float) -> None:
    policy = WheelPolicy(
        call_floor=choice, call_min_delta=0.02, call_max_delta=0.6, min_annualized_yield=0.0, alternatives=50
    )
    advice = advise(world, world.shares(100, "112", "107"), policy=policy)
    strikes = [item.figures.strike for item in advice.recommendations if item.figures]
    assert strikes
    assert min(strikes) == min(k for k in world.strikes if k >= least)


def test_a_part_of_the_lots_may_be_kept_uncovered(world: Any) -> None:
    half = WheelPolicy(call_coverage=0.5)
    assert only(advise(world, world.shares(500), policy=half)).legs[0].quantity == -2
    one = advise(world, world.shares(400), world.option("call", 115.0, world.expiries[1]), policy=half)
    assert [i.legs[0].quantity for i in one.recommendations if i.action is Action.SELL_CALL] == [-1]
    none = only(advise(world, world.shares(100), policy=half))
    assert (none.action, codes(none)) == (Action.WAIT, ["coverage_reached"])


def test_an_unknown_basis_waits_instead_of_guessing_a_floor(world: Any) -> None:
    item = only(advise(world, world.shares(100, None)))
    assert (item.action, codes(item)) == (Action.WAIT, ["basis_unknown"])


def test_an_open_short_option_without_a_trigger_is_held(world: Any) -> None:
    advice = advise(world, world.option("put", 95.0, world.expiries[1], -2, "1.60"))
    item = only(advice)
    assert item.action is Action.HOLD
    assert (item.legs, item.limit_price, item.effect) == ((), None, None)
    assert codes(item)[:5] == [
        "no_trigger",
        "not_profit_reached",
        "not_days_and_profit",
        "not_in_the_money",
        "not_early_exercise",
    ]
    assert item.risk.max_loss == pytest.approx((95 - 1.60) * 200)
    assert item.risk.margin == 19_000.0
    assert item.risk.breakeven == pytest.approx(93.40)


def test_a_winner_is_rolled_in_one_combo_for_a_credit(world: Any) -> None:
    valued = world.chain()
    held = world.option("put", 80.0, world.expiries[0], -2, "2.00")
    item = only(advise(world, held, view=world.view(valued)))
    assert item.action is Action.ROLL
    old, new = item.legs
    assert (old.symbol, old.quantity, new.quantity) == (held.symbol, 2, -2)
    chain = valued.chain
    net = chain.bid[chain.symbols.index(new.symbol)] - chain.ask[chain.symbols.index(old.symbol)]
    assert (item.effect, float(item.limit_price or 0)) == (Effect.CREDIT, pytest.approx(net))
    assert codes(item)[:2] == ["profit_reached", "days_and_profit"]
    assert codes(item)[-1] == "net_credit"
    assert {"not_in_the_money", "not_early_exercise"} <= set(codes(item))


def test_a_put_in_the_money_near_expiry_is_closed_at_a_profit_else_held_to_assignment(world: Any) -> None:
    gained = only(advise(world, world.option("put", 100.0, world.expiries[0], -1, "9.00"), spot=98.0))
    assert gained.action is Action.CLOSE
    assert (gained.effect, gained.legs[0].quantity) == (Effect.DEBIT, 1)
    assert {"itm_not_rolled", "closed_at_a_profit"} <= set(codes(gained))
    assert gained.risk.max_loss == 0.0
    lost = only(
        advise(
            world,
            world.option("put", 100.0, world.expiries[0], -1, "2.00"),
            spot=98.0,
            policy=WheelPolicy(roll_min_profit=-1.0),
        )
    )
    assert lost.action is Action.HOLD
    assert {"days_and_profit", "itm_not_rolled", "held_to_assignment"} <= set(codes(lost))


def test_a_call_is_not_rolled_below_its_floor(world: Any) -> None:
    held = world.option("call", 115.0, world.expiries[0], -1, "3.00")
    rolled = only(advise(world, world.shares(100, "113"), held))
    assert rolled.action is Action.ROLL
    assert rolled.figures is not None
    assert rolled.figures.strike >= 113
    closed = only(advise(world, world.shares(100, "500"), held))
    assert closed.action is Action.CLOSE
    assert "below_call_floor" in detail(closed, "no_valid_roll")
    unknown = only(advise(world, world.shares(100, None), held))
    assert (unknown.action, "basis_unknown" in codes(unknown)) == (Action.CLOSE, True)


def test_profit_may_be_taken_instead_of_rolled(world: Any) -> None:
    held = world.option("put", 80.0, world.expiries[0], -1, "2.00")
    item = only(advise(world, held, policy=WheelPolicy(at_profit="close")))
    assert item.action is Action.CLOSE
    assert codes(item)[0] == "profit_reached"


@pytest.mark.parametrize(
    ("view", "code"),
    [
        ({"state": "missing", "age_seconds": None}, "no_data"),
        ({"state": "stale", "age_seconds": 900.0}, "stale_data"),
        ({"state": "stale", "age_seconds": None}, "stale_data"),
    ],
)
@pytest.mark.parametrize("held", [False, True])
def test_bad_data_wait_and_never_hold(world: Any, view: dict[str, Any], code: str, held: bool) -> None:
    positions = [world.option("put", 95.0, world.expiries[1])] if held else []
    advice = advise(world, *positions, view=world.view(world.chain(), **view))
    item = only(advice)
    assert (item.action, codes(item)) == (Action.WAIT, [code])
    assert (advice.data.state, advice.data.age_seconds) == (view["state"], view["age_seconds"])


def test_no_chain_no_spot_and_no_contracts_wait(world: Any) -> None:
    assert codes(only(advise(world, view=world.view(None)))) == ["no_data"]
    valued = world.chain()
    blind = replace(valued, chain=replace(valued.chain, spot=math.nan))
    assert codes(only(advise(world, view=world.view(blind)))) == ["no_data"]
    assert codes(only(advise(world, expiries=()))) == ["no_data"]
    every = frozenset(world.chain().chain.symbols)
    assert codes(only(advise(world, stale=every))) == ["stale_data"]


@pytest.mark.parametrize(
    ("quote", "stale", "code"),
    [
        ({"ask": math.nan}, False, "no_data"),
        ({"bid": 9.0}, False, "no_data"),
        ({}, True, "stale_data"),
    ],
)
def test_a_held_option_with_a_bad_quote_waits(world: Any, quote: dict[str, float], stale: bool, code: str) -> None:
    held = world.option("put", 95.0, world.expiries[1])
    item = only(
        advise(world, held, quotes={held.symbol: quote}, stale=frozenset({held.symbol}) if stale else frozenset())
    )
    assert (item.action, codes(item)) == (Action.WAIT, [code])


def test_a_held_option_without_bid_can_still_be_closed_at_the_ask(world: Any) -> None:
    held = world.option("put", 70.0, world.expiries[0], -1, "1.00")
    item = only(
        advise(world, held, quotes={held.symbol: {"bid": 0.0, "ask": 0.05}}, policy=WheelPolicy(at_profit="close"))
    )
    assert (item.action, item.limit_price) == (Action.CLOSE, Decimal("0.05"))


def test_what_cannot_be_judged_waits(world: Any) -> None:
    assert codes(only(advise(world, world.option("put", 92.0, world.expiries[1])))) == ["no_data"]
    assert codes(only(advise(world, world.option("put", 95.0, world.expiries[1], credit=None)))) == ["credit_unknown"]
    assert codes(only(advise(world, world.option("put", 95.0, date(2024, 3, 1))))) == ["awaiting_settlement"]
    assert codes(only(advise(world, account=world.account(halted=True)))) == ["halted"]


def test_working_orders_are_not_doubled(world: Any) -> None:
    put = Leg(symbol=world.symbol("put", 90.0, world.expiries[1]), quantity=-1)
    assert codes(only(advise(world, account=world.account(working=(put,))))) == ["working_order"]
    held = world.option("put", 95.0, world.expiries[1])
    closing = Leg(symbol=held.symbol, quantity=1)
    assert codes(only(advise(world, account=world.account(held, working=(closing,))))) == ["working_order"]
    call = Leg(symbol=world.symbol("call", 110.0, world.expiries[1]), quantity=-2)
    some = only(advise(world, account=world.account(world.shares(300), working=(call,))))
    assert (some.action, some.legs[0].quantity) == (Action.SELL_CALL, -1)
    rest = only(advise(world, account=world.account(world.shares(200), working=(call,))))
    assert codes(rest) == ["working_order"]


def test_too_little_cash_waits_and_counts_why(world: Any) -> None:
    advice = advise(world, account=world.account(cash="1000"))
    item = only(advice)
    assert item.action is Action.WAIT
    assert codes(item)[:2] == ["nothing_admissible", "nearest_miss"]
    assert advice.rejections["insufficient_cash"] == len(world.strikes) * len(world.expiries)
    assert "insufficient_cash" in detail(item, "nearest_miss")


def test_earnings_and_ex_dates_are_told_or_refused(world: Any) -> None:
    soon = Terms(
        rate=0.04,
        earnings=(Earnings(date=date(2024, 3, 12)),),
        dividends=(Dividend(ex_date=date(2024, 3, 20), amount=Decimal("0.5")),),
    )
    refused = only(advise(world, view=world.view(world.chain(), terms=soon)))
    assert refused.action is Action.WAIT
    assert "earnings_before_expiry" in codes(refused)
    allowed = only(advise(world, view=world.view(world.chain(), terms=soon), policy=WheelPolicy(allow_earnings=True)))
    assert allowed.action is Action.SELL_PUT
    assert {"earnings_before_expiry", "ex_dividend_before_expiry"} <= set(codes(allowed))
    assert "earnings_unknown" not in codes(allowed)


def test_a_deep_call_before_an_ex_date_carries_the_alarm(world: Any) -> None:
    held = world.option("call", 80.0, world.expiries[1], -1, "3.00")
    terms = Terms(rate=0.04, dividends=(Dividend(ex_date=date(2024, 3, 8), amount=Decimal(2)),))
    item = only(advise(world, world.shares(100), held, view=world.view(world.chain(), terms=terms)))
    assert item.action is Action.HOLD
    assert "early_exercise_alarm" in codes(item)
    naked = only(advise(world, held, view=world.view(world.chain(), terms=terms)))
    assert "uncovered_call" in codes(naked)
    assert naked.risk.max_loss is None


def test_only_one_leg_of_the_wheel_at_a_time_unless_the_policy_says_so(world: Any) -> None:
    held = world.option("put", 90.0, world.expiries[1], -1, "1.00")
    assert [item.action for item in advise(world, held).recommendations] == [Action.HOLD]
    both = advise(world, held, policy=WheelPolicy(concurrent_puts=True))
    assert [item.action for item in both.recommendations] == [Action.SELL_PUT, Action.HOLD]
    odd = advise(world, world.shares(40))
    assert only(odd).action is Action.SELL_PUT


def test_long_options_and_short_shares_are_left_alone(world: Any) -> None:
    for position in (world.option("put", 80.0, world.expiries[1], 2), world.shares(-50)):
        item = only(advise(world, position))
        assert (item.action, codes(item)) == (Action.HOLD, ["outside_the_wheel"])


def test_margin_accounts_secure_puts_by_margin_if_told(world: Any) -> None:
    account = world.account(cash="5000", equity=Decimal(5000), buying_power=Decimal(5000), kind=AccountKind.MARGIN)
    assert only(advise(world, account=account)).action is Action.WAIT
    item = only(advise(world, account=account, policy=WheelPolicy(secured_by="margin")))
    assert item.action is Action.SELL_PUT
    assert item.figures is not None
    assert item.figures.bid is not None
    out = 100 - item.figures.strike
    each = 100 * (item.figures.bid + max(20 - out, 0.1 * item.figures.strike))
    assert item.legs[0].quantity == -int(5000 // each)
    assert item.risk.margin == pytest.approx(each * -item.legs[0].quantity, abs=0.01)


def test_the_ranking_puts_duties_first_then_yield_then_waits(world: Any) -> None:
    market = MarketView.of(
        world.view(world.chain(underlying="AAA", sigma=0.25)),
        world.view(world.chain(underlying="BBB", sigma=0.40)),
        world.view(world.chain(underlying="CCC")),
        world.view(None, symbol="DDD", state="missing", age_seconds=None),
        world.view(world.chain(underlying="EEE")),
    )
    account = world.account(
        world.option("put", 80.0, world.expiries[0], -1, "2.00", root="CCC"),
        world.option("put", 95.0, world.expiries[1], -1, "1.60", root="EEE"),
    )
    advice = recommend(account, market, WheelPolicy(), world.now)
    assert [(item.rank, item.symbol, item.action) for item in advice.recommendations] == [
        (1, "CCC", Action.ROLL),
        (2, "BBB", Action.SELL_PUT),
        (3, "AAA", Action.SELL_PUT),
        (4, "EEE", Action.HOLD),
        (5, "DDD", Action.WAIT),
    ]
    assert (advice.data.state, advice.data.age_seconds) == ("missing", None)


def test_alternatives_are_the_next_best_and_share_no_id(world: Any) -> None:
    advice = advise(world, policy=WheelPolicy(alternatives=3, put_min_delta=0.05))
    worth = [item.risk.annualized_yield or 0.0 for item in advice.recommendations]
    assert len(worth) == 3
    assert worth == sorted(worth, reverse=True)
    assert len({item.id for item in advice.recommendations}) == 3


def test_a_moment_without_zone_or_a_misfiled_underlying_is_an_error_and_no_hold(world: Any) -> None:
    market = MarketView.of(world.view(world.chain()))
    with pytest.raises(InvalidInput, match="no time zone"):
        recommend(world.account(), market, WheelPolicy(), datetime(2024, 3, 4))  # noqa: DTZ001
    with pytest.raises(InvalidInput, match="files XYZ under ABC"):
        recommend(world.account(), MarketView(underlyings={"ABC": world.view(world.chain())}), WheelPolicy(), world.now)


positions_of = st.lists(
    st.tuples(
        st.sampled_from(["put", "call"]),
        st.sampled_from([80.0, 90.0, 95.0, 100.0, 105.0, 110.0]),
        st.integers(0, 3),
        st.integers(-3, 2).filter(bool),
        st.one_of(st.none(), st.floats(0.2, 12).map(lambda x: f"{x:.2f}")),
    ),
    max_size=3,
    unique_by=lambda x: x[:3],
)


@given(
    spot=st.floats(80, 120).map(lambda x: round(x, 2)),
    sigma=st.floats(0.1, 0.8),
    cash=st.integers(0, 100_000),
    shares=st.integers(-100, 400),
    options=positions_of,
    preset=st.sampled_from(["standard", "conservative", "aggressive", "early_exit"]),
)
def test_the_same_input_gives_the_same_advice_and_every_advice_is_sound(
    world: Any, spot: float, sigma: float, cash: int, shares: int, options: list[Any], preset: str
) -> None:
    def once(order: int) -> Advice:
        held = [world.option(right, k, world.expiries[e], q, credit) for right, k, e, q, credit in options]
        held += [world.shares(shares)] if shares else []
        account = world.account(*held[::order], cash=str(cash))
        view = world.view(world.chain(spot=spot, sigma=sigma))
        return recommend(account, MarketView.of(view), WheelPolicy.preset(preset), world.now)

    first = once(1)
    assert once(1) == first
    assert once(-1) == first  # nor does the order of positions matter
    assert first.recommendations
    assert [item.rank for item in first.recommendations] == list(range(1, len(first.recommendations) + 1))
    assert len({item.id for item in first.recommendations}) == len(first.recommendations)
    quantity = {world.symbol(right, k, world.expiries[e]): q for right, k, e, q, _ in options}
    for item in first.recommendations:
        assert item.reasons
        ordered = item.action in (Action.SELL_PUT, Action.SELL_CALL, Action.ROLL, Action.CLOSE)
        assert bool(item.legs) == (item.limit_price is not None) == (item.effect is not None) == ordered
        assert item.risk.max_loss is None or item.risk.max_loss >= 0
        for leg in item.legs:
            before = quantity.get(leg.symbol, 0)
            assert before * (before + leg.quantity) >= 0  # no leg crosses zero
        if item.action is Action.SELL_PUT:
            assert item.risk.margin is not None
            obligations = sum(k * 100 * -q for right, k, _, q, _ in options if right == "put" and q < 0)
            assert item.risk.margin + obligations <= cash
        if item.action is Action.SELL_CALL:
            short_calls = -sum(q for right, _, _, q, _ in options if right == "call" and q < 0)
            assert -item.legs[0].quantity + short_calls <= shares // 100
            assert item.figures is not None
            assert item.figures.strike >= max(95, spot)
