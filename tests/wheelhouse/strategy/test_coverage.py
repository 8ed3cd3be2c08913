from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.ledger.orders import Leg
from wheelhouse.strategy.coverage import CallFloor, call_floor, coverage
from wheelhouse.strategy.policy import WheelPolicy


@given(shares=st.integers(-300, 1500), calls=st.integers(0, 6), selling=st.integers(0, 4), leaving=st.integers(0, 250))
def test_every_hundred_shares_cover_one_call_once(
    world: Any, shares: int, calls: int, selling: int, leaving: int
) -> None:
    expiry = world.expiries[1]
    positions = [world.shares(shares)] if shares else []
    if calls:
        positions.append(world.option("call", 110.0, expiry, -calls))
    working = [Leg(symbol=world.symbol("call", 115.0, expiry), quantity=-selling)] if selling else []
    working += [Leg(symbol="XYZ", quantity=-leaving)] if leaving else []
    found = coverage(world.account(*positions, working=tuple(working)), "XYZ")
    assert found.lots == max(0, shares) // 100
    assert found.uncovered == max(0, (shares - 100 * calls - 100 * selling - leaving) // 100)
    assert found.naked_shares == max(0, 100 * calls - max(0, shares))


def test_puts_purchases_and_other_names_claim_nothing(world: Any) -> None:
    expiry = world.expiries[1]
    account = world.account(
        world.shares(200),
        world.option("put", 90.0, expiry, -5),
        world.option("call", 120.0, expiry, 1),
        world.option("call", 50.0, expiry, -5, root="ABC"),
        working=(
            Leg(symbol="XYZ", quantity=100),
            Leg(symbol=world.symbol("put", 85.0, expiry), quantity=-1),
            Leg(symbol=world.symbol("call", 120.0, expiry), quantity=1),
            Leg(symbol="ABC", quantity=-100),
        ),
    )
    assert coverage(account, "XYZ").uncovered == 2


@pytest.mark.parametrize(("choice", "floor"), [("tax", Decimal(95)), ("campaign", Decimal("92.50")), ("none", None)])
def test_the_policy_chooses_the_floor(world: Any, choice: str, floor: Decimal | None) -> None:
    account = world.account(world.shares(100, "95", "92.50"))
    assert call_floor(account, "XYZ", WheelPolicy(call_floor=choice)) == CallFloor(price=floor, known=True)


def test_an_unknown_basis_is_no_floor_of_zero(world: Any) -> None:
    account = world.account(world.shares(100, None))
    assert call_floor(account, "XYZ", WheelPolicy()) == CallFloor(price=None, known=False)
    assert call_floor(account, "XYZ", WheelPolicy(call_floor="none")).known
    assert call_floor(world.account(), "XYZ", WheelPolicy()) == CallFloor(price=None, known=True)
