from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.strategy.allocation import committed, sector_room, size_name
from wheelhouse.strategy.policy import WheelPolicy

PAST = np.random.default_rng(8).normal(0.0, 0.011, 700)
SECTORS = {"XYZ": "technology", "ABC": "technology", "OIL": "energy"}


def size(world: Any, account: Any, *, view: Any = None, option: str | None = None, **more: Any) -> Any:
    given = {"past_returns": PAST, "spots": {"ABC": 50.0}, "sectors": SECTORS} | more
    policy = given.pop("policy", WheelPolicy())
    return size_name(account, view or world.view(world.chain()), policy, world.now, option=option, **given)


def test_a_name_takes_its_shares_at_market_and_its_puts_at_their_strikes(world: Any) -> None:
    account = world.account(
        world.shares(250),
        world.option("put", 95.0, world.expiries[2], -2),
        world.option("call", 110.0, world.expiries[2], -2),
        world.shares(100, symbol="ABC"),
    )
    assert committed(account, {"XYZ": 100.0, "ABC": 50.0}) == {"XYZ": 250 * 100.0 + 2 * 9_500.0, "ABC": 5_000.0}
    assert committed(account, {"XYZ": 100.0})["ABC"] == float("inf")


def test_a_sector_counts_all_its_names_and_a_name_without_one_only_itself(world: Any) -> None:
    account = world.account(world.shares(100, symbol="ABC"), equity=Decimal(100_000))
    policy = WheelPolicy(max_sector_share=0.30)
    assert sector_room("XYZ", account, {"ABC": 50.0}, policy, SECTORS) == pytest.approx(25_000.0)
    assert sector_room("OIL", account, {"ABC": 50.0}, policy, SECTORS) == pytest.approx(30_000.0)
    assert sector_room("XYZ", account, {"ABC": 50.0}, policy, {}) == pytest.approx(30_000.0)
    assert sector_room("XYZ", account, {"ABC": 50.0}, WheelPolicy(), SECTORS) == float("inf")


def test_the_sector_binds_the_size(world: Any) -> None:
    account = world.account(world.shares(300, symbol="ABC"), cash="1000000", equity=Decimal(100_000))
    put = world.symbol("put", 95.0, world.expiries[2])
    found = size(world, account, option=put, policy=WheelPolicy(max_sector_share=0.25, kelly_share=1.0))
    assert found.caps["sector"] == 1
    none = size(world, account, option=put, policy=WheelPolicy(max_sector_share=0.15, kelly_share=1.0))
    assert (none.contracts, none.caps["sector"]) == (0, 0)


def test_what_stands_in_the_way_is_named(world: Any) -> None:
    put = world.symbol("put", 95.0, world.expiries[2])
    chain = world.chain(adjusted=frozenset({put}))
    account = world.account()
    assert size(world, world.account(halted=True)).binding == "halted"
    assert size(world, account, view=world.view(None, state="missing", age_seconds=None)).binding == "no_data"
    assert (
        size(world, account, view=world.view(world.chain(), state="stale", age_seconds=900.0)).binding == "stale_data"
    )
    assert size(world, account, view=world.view(chain), option=put).binding == "adjusted_contract"
    assert size(world, account, past_returns=PAST[:10]).binding == "no_history"
    assert size(world, account, policy=WheelPolicy(min_annualized_yield=9.0)).binding == "nothing_admissible"


def test_calls_and_strangers_are_refused(world: Any) -> None:
    with pytest.raises(InvalidInput, match="call"):
        size(world, world.account(), option=world.symbol("call", 105.0, world.expiries[2]))
    with pytest.raises(NotFound):
        size(world, world.account(), option=world.symbol("put", 95.5, world.expiries[2]))
