from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.market.instruments import Deliverable, Right
from wheelhouse.strategy.expiration import EarlyExercise
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.rolling import (
    RollSearch,
    ShortOption,
    credit_limit,
    debit_limit,
    find_new_leg,
    least_credit,
    profit_fraction,
    repriced,
    roll_forbidden,
    triggers,
)
from wheelhouse.strategy.screening import Sale
from wheelhouse.strategy.sizing import Capital

QUIET = EarlyExercise(level="none", detail="quiet")
ALARM = EarlyExercise(level="alarm", detail="dividend tomorrow")


def short(
    world: Any, right: str = "put", strike: float = 95.0, expiry: date | None = None, **changes: Any
) -> ShortOption:
    holding = world.option(right, strike, expiry or world.expiries[0])
    given_: dict[str, Any] = {
        "holding": holding,
        "contract": holding.contract,
        "index": 0,
        "contracts": 1,
        "credit": 2.0,
        "ask": 1.0,
        "spot": 100.0,
        "dte": 30,
    }
    return ShortOption(**(given_ | changes))


def fired(option: ShortOption, policy: WheelPolicy, early: EarlyExercise = QUIET) -> set[str]:
    return {t.code.value for t in triggers(option, early, policy) if t.fired}


@given(credit=st.floats(0.05, 50), ask=st.floats(0, 60), fee=st.floats(0, 0.05))
def test_profit_is_what_is_kept_of_the_credit(credit: float, ask: float, fee: float) -> None:
    assert profit_fraction(credit, ask, fee) == pytest.approx(1 - (ask + fee) / credit)


@pytest.mark.parametrize(
    ("changes", "policy", "expected"),
    [
        # (2 - 0.19 - 0.0065) / 2 = 90.2 %, (2 - 0.20 - 0.0065) / 2 = 89.7 %
        ({"ask": 0.19}, {}, {"profit_reached"}),
        ({"ask": 0.20}, {}, set()),
        ({"ask": 0.20}, {"fee_per_contract": 0.0}, {"profit_reached"}),
        ({"ask": 0.99}, {"preset": "early_exit"}, {"profit_reached"}),
        ({"dte": 15}, {}, {"days_and_profit"}),
        ({"dte": 16}, {}, set()),
        ({"dte": 15, "ask": 1.9936}, {}, set()),
        ({"dte": 15, "ask": 2.5}, {"roll_min_profit": -0.5}, {"days_and_profit"}),
        ({"dte": 21}, {"preset": "early_exit"}, {"days_and_profit"}),
        ({"spot": 94.0}, {}, set()),
        ({"spot": 94.0}, {"roll_when_itm": True}, {"in_the_money"}),
        ({"spot": 95.0}, {"roll_when_itm": True}, set()),
        ({"ask": 0.05, "dte": 3}, {}, {"profit_reached", "days_and_profit"}),
    ],
)
def test_triggers_fire_as_the_policy_says(
    world: Any, changes: dict[str, Any], policy: dict[str, object], expected: set[str]
) -> None:
    assert fired(short(world, **changes), WheelPolicy.from_mapping(policy)) == expected


def test_an_alarm_fires_only_if_asked_for(world: Any) -> None:
    option = short(world, "call", 95.0)
    assert fired(option, WheelPolicy(), ALARM) == set()
    assert fired(option, WheelPolicy(roll_on_early_exercise=True), ALARM) == {"early_exercise"}
    assert fired(option, WheelPolicy(roll_on_early_exercise=True)) == set()


def test_every_trigger_becomes_a_reason_fired_or_not(world: Any) -> None:
    reasons = [t.as_reason.code for t in triggers(short(world, ask=0.05), QUIET, WheelPolicy())]
    assert reasons == ["profit_reached", "not_days_and_profit", "not_in_the_money", "not_early_exercise"]


def test_puts_in_the_money_and_adjusted_series_are_not_rolled(world: Any) -> None:
    put, call = short(world, spot=90.0), short(world, "call", 95.0)
    policy = WheelPolicy()
    hit = triggers(replace(put, ask=0.05), QUIET, policy)[:1]
    refusal = roll_forbidden(put, hit, policy)
    assert refusal is not None
    assert refusal.code == Code.ITM_NOT_ROLLED
    assert roll_forbidden(call, hit, policy) is None
    assert roll_forbidden(put, hit, WheelPolicy(roll_itm_puts=True)) is None
    always = WheelPolicy(roll_when_itm=True)
    assert roll_forbidden(put, tuple(t for t in triggers(put, QUIET, always) if t.fired), always) is None
    assert roll_forbidden(call, hit, WheelPolicy(roll_itm_calls=False)) is not None
    contract = replace(put.contract, deliverable=Deliverable(shares=(("XYZ", 10),)))
    refusal = roll_forbidden(replace(put, contract=contract), hit, policy)
    assert refusal is not None
    assert refusal.code == Code.ADJUSTED_CONTRACT


def search(
    world: Any, option: ShortOption, policy: WheelPolicy | None = None, sale: Any = None, **given_: Any
) -> tuple[RollSearch, Any]:
    valued = world.chain(spot=option.spot, **given_)
    placed = replace(option, index=valued.chain.symbols.index(option.contract.symbol))
    wanted = sale or Sale(right=option.contract.right)
    return find_new_leg(placed, world.view(valued), valued, wanted, policy or WheelPolicy(), world.now), valued


def test_a_roll_takes_the_best_yield_of_the_window_for_a_net_credit(world: Any) -> None:
    option = short(world, strike=90.0, ask=0.12, dte=11)
    found, valued = search(world, option)
    assert found.leg is not None
    chain = valued.chain
    best = max(
        (
            i
            for i in range(len(chain))
            if not chain.is_call[i]
            and 0.15 <= -valued.delta[i] <= 0.30
            and 21 <= (chain.expiry[i].item() - date(2024, 3, 4)).days <= 56
            and chain.ask[i] - chain.bid[i] <= 0.10 + 1e-9
        ),
        key=lambda i: (
            chain.bid[i] / (chain.strike[i] - chain.bid[i]) / (chain.expiry[i].item() - date(2024, 3, 4)).days
        ),
    )
    assert found.leg.index == best
    assert float(found.leg.net) == pytest.approx(chain.bid[best] - 0.12, abs=0.005)
    assert found.leg.net_after_fees == found.leg.net - Decimal("0.013")


@given(
    spot=st.floats(80, 120).map(lambda x: round(x, 2)),
    strike=st.sampled_from([85.0, 90.0, 95.0, 100.0, 105.0, 110.0]),
    right=st.sampled_from(["put", "call"]),
    ask=st.floats(0.01, 15).map(lambda x: round(x, 2)),
    floor=st.one_of(st.none(), st.floats(80, 120)),
    itm=st.booleans(),
    at=st.integers(0, 2),
)
def test_whatever_is_rolled_into_obeys_every_rule(
    world: Any, spot: float, strike: float, right: str, ask: float, floor: float | None, itm: bool, at: int
) -> None:
    option = short(world, right, strike, world.expiries[at], spot=spot, ask=ask)
    policy = WheelPolicy(roll_itm_puts=itm)
    found, valued = search(world, option, policy, Sale(right=Right(right), floor=floor if right == "call" else None))
    if found.leg is None:
        assert found.rejections
        return
    chain, i = valued.chain, found.leg.index
    assert bool(chain.is_call[i]) == (right == "call")
    assert chain.symbols[i] != option.contract.symbol
    assert chain.expiry[i].item() >= option.contract.expiry
    assert (chain.expiry[i].item() - date(2024, 3, 4)).days <= policy.roll_max_dte
    if right == "put" and spot < strike:
        assert chain.strike[i] <= strike
    if right == "call":
        assert chain.strike[i] >= spot - 1e-9
        assert floor is None or chain.strike[i] >= floor - 1e-9
    assert found.leg.net_after_fees > 0
    assert float(found.leg.net) <= chain.bid[i] - ask + 1e-6
    most = policy.delta_bounds(call=right == "call")[1]
    assert abs(valued.delta[i]) <= max(most, abs(valued.delta[chain.symbols.index(option.contract.symbol)]))


def test_out_of_the_window_the_soonest_later_expiry_wins(world: Any) -> None:
    """A put in the money: no leg of small delta pays for it, so time is bought at no more delta than today's."""
    option = short(world, strike=100.0, spot=98.0, ask=3.30, dte=11)
    found, valued = search(world, option, WheelPolicy(roll_itm_puts=True))
    assert found.leg is not None
    chain, i = valued.chain, found.leg.index
    assert chain.expiry[i].item() == world.expiries[1]
    assert chain.strike[i] <= 100.0
    better = [
        j
        for j in range(len(chain))
        if not chain.is_call[j]
        and chain.expiry[j].item() == world.expiries[1]
        and chain.bid[j] - 3.30 >= 0.02
        and chain.strike[j] <= 100
        and abs(valued.delta[j]) < abs(valued.delta[i])
    ]
    assert better == []


def test_rolling_a_put_up_needs_the_cash_for_it(world: Any) -> None:
    option = short(world, strike=80.0, ask=0.01, dte=11, contracts=2)
    room = Capital(available=3_000.0, by_margin=False, shortage=Code.INSUFFICIENT_CASH)
    broke = Capital(available=0.0, by_margin=False, shortage=Code.INSUFFICIENT_CASH)
    rich, valued = search(world, option, sale=Sale(right=Right.PUT, capital=room))
    poor, _ = search(world, option, sale=Sale(right=Right.PUT, capital=broke), policy=WheelPolicy(put_min_delta=0.01))
    assert rich.leg is not None
    assert valued.chain.strike[rich.leg.index] == 95.0  # 15 x 100 x 2 = 3,000
    assert poor.rejections[Code.INSUFFICIENT_CASH] > 0
    if poor.leg is not None:
        assert valued.chain.strike[poor.leg.index] <= 80.0


def test_no_leg_pays_more_than_the_option_costs(world: Any) -> None:
    option = short(world, strike=100.0, spot=80.0, ask=40.0)
    found, _ = search(world, option, WheelPolicy(roll_itm_puts=True))
    assert found.leg is None
    assert found.rejections[Code.NO_NET_CREDIT] > 0
    assert found.rejections[Code.SAME_CONTRACT] == 1
    assert found.rejections[Code.ROLLED_UP_IN_THE_MONEY] > 0


@given(
    limit=st.decimals("0.01", "5", places=2),
    step=st.decimals("0.01", "1", places=2),
    fee=st.floats(0, 5),
    least=st.floats(0, 1),
    rounds=st.integers(1, 12),
)
def test_repricing_never_turns_a_credit_into_a_debit(
    world: Any, limit: Decimal, step: Decimal, fee: float, least: float, rounds: int
) -> None:
    policy = WheelPolicy(fee_per_contract=fee, roll_min_credit=least)
    floor = least_credit(policy, short(world).contract)
    assert float(floor) - 2 * fee / 100 > least - 1e-9
    assert float(floor) - 0.01 - 2 * fee / 100 <= least + 1e-9
    price = max(limit, floor)
    for _ in range(rounds):
        lower = repriced(price, step, floor)
        assert floor <= lower <= price
        price = lower
    assert price - 2 * Decimal(repr(fee)) / 100 > 0


@given(st.floats(0, 100))
def test_limits_are_whole_cents_on_the_safe_side(net: float) -> None:
    credit, debit = credit_limit(net), debit_limit(net)
    assert credit == credit.quantize(Decimal("0.01"))
    assert float(credit) <= net + 1e-6 <= float(credit) + 0.010002
    assert float(debit) >= net - 1e-6 >= float(debit) - 0.010002
