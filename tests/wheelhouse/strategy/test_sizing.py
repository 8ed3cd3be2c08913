import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.market.instruments import AccountKind
from wheelhouse.strategy.figures import columns, figures
from wheelhouse.strategy.kelly import short_put_returns, terminal_prices
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.sizing import Capital, affordable, capital, collateral_per_put, put_contracts, size_put


def test_cash_secures_the_strike_and_margin_what_the_rule_says() -> None:
    strikes, premiums = np.array([200.0, 150.0]), np.array([1.20, 0.30])
    assert collateral_per_put(strikes, 209.0, premiums, by_margin=False).tolist() == [20_000.0, 15_000.0]
    assert collateral_per_put(strikes, 209.0, premiums, by_margin=True) == pytest.approx([3_400.0, 1_530.0])


@given(cash=st.decimals(0, 1_000_000, places=2), strike=st.decimals("0.5", "2000", places=2))
def test_contracts_never_cost_more_than_there_is_and_one_more_would(cash: Decimal, strike: Decimal) -> None:
    behind = Capital(available=float(cash), by_margin=False, shortage=Code.INSUFFICIENT_CASH)
    policy = WheelPolicy(max_contracts=10_000)
    count, cap = put_contracts(behind, policy, strike=float(strike), collateral=float(strike * 100))
    exact = int(cash // (strike * 100))
    assert count == min(exact, 10_000)
    assert cap == ("max_contracts" if exact > 10_000 else "the free cash")


def test_nothing_is_affordable_without_a_price_or_with_debts() -> None:
    assert affordable(1000.0, np.array([math.nan, 0.0, 400.0])).tolist() == [0, 0, 2]
    assert affordable(-1000.0, np.array([400.0])).tolist() == [0]
    assert affordable(math.inf, np.array([400.0]))[0] > 10**12


def test_the_name_limit_and_max_contracts_bind_and_say_so() -> None:
    behind = Capital(available=1e6, by_margin=False, shortage=Code.INSUFFICIENT_CASH, name_room=25_000.0)
    assert put_contracts(behind, WheelPolicy(), strike=100.0, collateral=10_000.0) == (2, "the limit per name")
    assert put_contracts(behind, WheelPolicy(max_contracts=1), strike=100.0, collateral=10_000.0) == (
        1,
        "max_contracts",
    )


def test_cash_that_short_puts_claim_is_not_spent_twice(world: Any) -> None:
    put = world.option("put", 90.0, world.expiries[0], -2)
    account = world.account(put, cash="50000", buying_power=Decimal(50_000))
    assert capital(account, WheelPolicy()).available == 32_000.0
    reserved = world.account(put, cash="50000", buying_power=Decimal(31_000))
    assert capital(reserved, WheelPolicy()).available == 31_000.0


def test_only_a_margin_account_uses_margin_and_only_if_told(world: Any) -> None:
    by_margin = WheelPolicy(secured_by="margin")
    cash = world.account(buying_power=Decimal(80_000))
    assert capital(cash, by_margin) == capital(cash, WheelPolicy())
    assert not capital(cash, by_margin).by_margin
    margin = world.account(kind=AccountKind.MARGIN, buying_power=Decimal(80_000))
    assert capital(margin, by_margin).available == 80_000.0
    assert capital(margin, by_margin).shortage is Code.INSUFFICIENT_BUYING_POWER
    assert capital(margin, WheelPolicy()).available == 50_000.0


def test_reserve_and_name_share_come_off_the_equity(world: Any) -> None:
    account = world.account(equity=Decimal(60_000))
    kept = capital(account, WheelPolicy(cash_reserve=0.10, max_name_share=0.25), in_name=5_000.0)
    assert kept.available == pytest.approx(44_000.0)
    assert kept.name_room == pytest.approx(10_000.0)
    assert math.isinf(capital(account, WheelPolicy()).name_room)


def put_row(world: Any, bid: float = 2.6) -> Any:
    symbol = world.symbol("put", 95.0, world.expiries[2])
    valued = world.chain(quotes={symbol: {"bid": bid, "ask": bid + 0.1}})
    view = world.view(valued)
    return figures(view, valued, columns(valued, world.now), valued.chain.symbols.index(symbol), world.now)


def behind_of(available: float = 1e9, **changes: Any) -> Capital:
    return Capital(available=available, by_margin=False, shortage=Code.INSUFFICIENT_CASH, **changes)


AMPLE = behind_of()
PAST = np.random.default_rng(8).normal(0.0, 0.011, 700)


def test_each_cap_binds_in_its_turn_and_is_named(world: Any) -> None:
    row = put_row(world)
    policy = WheelPolicy(max_contracts=10_000, kelly_share=0.5, fee_per_contract=0.65)

    def size(policy: WheelPolicy = policy, behind: Capital = AMPLE, **more: Any) -> Any:
        return size_put(row, behind, policy, equity=1e6, past_returns=PAST, years=46 / 365, growth=0.0, **more)

    free = size()
    credit = 2.6 - 0.0065
    outcomes = short_put_returns(terminal_prices(100.0, PAST, years=46 / 365, growth=0.0), strike=95.0, credit=credit)
    grid = np.linspace(0, 1 / (1 - credit / 95.0) - 1e-6, 20_001)
    growth = [np.log1p(f * outcomes).mean() for f in grid[::200]]
    assert free.kelly == pytest.approx(grid[::200][int(np.argmax(growth))], abs=0.011)
    assert free.binding == "kelly"
    assert free.contracts == int(0.5 * free.kelly * 1e6 / 9_500)
    assert free.caps == {"kelly": free.contracts, "cash": 105_263, "name": None, "sector": None, "contracts": 10_000}
    assert size(behind=behind_of(20_000.0)).binding == "cash"
    assert size(behind=behind_of(20_000.0)).contracts == 2
    assert size(behind=behind_of(name_room=9_600.0)).contracts == 1
    assert size(behind=behind_of(name_room=9_600.0)).binding == "name"
    assert (size(sector_room=-5.0).contracts, size(sector_room=-5.0).binding) == (0, "sector")
    few = size(policy=replace(policy, max_contracts=3))
    assert (few.contracts, few.binding) == (3, "contracts")


def test_nothing_is_sold_without_an_edge_a_bid_or_a_past(world: Any) -> None:
    def size(bid: float = 2.6, past: Any = PAST) -> Any:
        row = put_row(world, bid)
        return size_put(row, behind_of(), WheelPolicy(), equity=1e6, past_returns=past, years=46 / 365, growth=0.0)

    wild = size(past=PAST * 4)
    assert (wild.contracts, wild.kelly, wild.binding) == (0, 0.0, "kelly")
    assert size(bid=0.0).binding == "no_bid"
    short = size(past=PAST[:59])
    assert (short.contracts, short.kelly, short.caps, short.binding) == (0, None, {}, "no_history")
    assert size(bid=0.005).contracts == 0
