import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.market.instruments import AccountKind
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.sizing import Capital, affordable, capital, collateral_per_put, put_contracts


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
