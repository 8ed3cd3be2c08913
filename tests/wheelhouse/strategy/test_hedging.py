import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from wheelhouse.market.instruments import AccountKind
from wheelhouse.strategy.hedging import HedgeKind, NameExposure, hedge
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.views import MarketView


def priced(valued: Any) -> Any:
    """With the vega of the textbook, spot x density(d1) x sqrt(years) / 100, worked out here."""
    chain, sigma = valued.chain, valued.implied_volatility
    root = sigma * np.sqrt(chain.years_to_expiry)
    d1 = (np.log(chain.spot / chain.strike) + (chain.rate + sigma**2 / 2) * chain.years_to_expiry) / root
    density = np.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    return replace(valued, vega_per_vol_point=chain.spot * density * np.sqrt(chain.years_to_expiry) / 100)


def run(
    world: Any, account: Any, delta: float, *, chain: Any = None, extra: Any = (), policy: Any = None, **more: Any
) -> Any:
    valued = priced(chain if chain is not None else world.chain())
    market = MarketView.of(world.view(valued), *extra)
    exposures = {"XYZ": NameExposure(delta_shares=delta, vega_per_vol_point=0.0, spot=100.0, **more.pop("of", {}))}
    tail = more.pop("tail", lambda legs: float(sum(abs(leg.quantity) for leg in legs)))
    return hedge(account, market, exposures, tail, policy or WheelPolicy(hedge_budget=0.05), world.now, **more)


def test_puts_never_protect_more_than_there_is_and_calls_are_covered(world: Any) -> None:
    account = world.account(world.shares(250), equity=Decimal(75_000))
    found = run(world, account, 250.0)
    assert {p.kind for p in found} == {HedgeKind.PROTECTIVE_PUT, HedgeKind.COLLAR}
    for proposal in found:
        for leg in proposal.legs:
            assert abs(leg.quantity) <= 2
        if proposal.kind is HedgeKind.COLLAR:
            put, call = proposal.legs
            assert put.quantity == -call.quantity > 0
            assert call.symbol[12] == "C"
            assert put.symbol[6:12] == call.symbol[6:12]
            assert int(call.symbol[13:]) / 1000 >= 100.0
            assert proposal.cost < 0.05 * 75_000
    naked = run(world, world.account(world.shares(250), world.option("call", 110.0, world.expiries[2], -2)), 180.0)
    assert HedgeKind.COLLAR not in {p.kind for p in naked}


def test_the_budget_and_the_money_bound_the_cost(world: Any) -> None:
    account = world.account(world.shares(5_000), equity=Decimal(500_000), buying_power=Decimal(1_000))
    found = run(world, account, 5_000.0)
    assert found
    assert all(p.cost <= 1_000 for p in found)
    assert run(world, account, 5_000.0, policy=WheelPolicy(hedge_budget=0.0)) == () or all(
        p.cost <= 0 for p in run(world, account, 5_000.0, policy=WheelPolicy(hedge_budget=0.0))
    )


def test_a_target_is_approached_and_not_overshot_by_more_than_half_a_contract(world: Any) -> None:
    account = world.account(world.shares(1_000), cash="90000", equity=Decimal(200_000))
    for proposal in run(world, account, 1_000.0, target_delta=900.0):
        units = abs(proposal.legs[0].quantity)
        each = (1_000.0 - proposal.delta_after) / units
        assert proposal.delta_after >= 900.0 - each / 2 - 1e-9
        assert proposal.delta_after < 1_000.0


def test_short_puts_are_bought_back_before_anything_is_bought_of_them(world: Any) -> None:
    put = world.option("put", 95.0, world.expiries[2], -3)
    found = run(world, world.account(put, equity=Decimal(50_000)), 90.0)
    back = next(p for p in found if p.kind is HedgeKind.BUY_BACK)
    assert back.legs[0].symbol == put.symbol
    assert 0 < back.legs[0].quantity <= 3
    assert all(leg.symbol != put.symbol for p in found if p is not back for leg in p.legs)


def test_a_short_delta_gets_calls(world: Any) -> None:
    account = world.account(world.shares(-200, None), kind=AccountKind.MARGIN, equity=Decimal(50_000))
    found = run(world, account, -200.0)
    assert {p.kind for p in found} == {HedgeKind.PROTECTIVE_CALL}
    assert all(-200.0 < p.delta_after <= 50.0 for p in found)


def test_an_index_hedges_by_beta_weighted_dollars(world: Any) -> None:
    index = world.view(priced(world.chain(underlying="SPY", spot=100.0)), symbol="SPY")
    account = world.account(world.shares(1_000), equity=Decimal(1_000_000), buying_power=Decimal(500_000))
    found = run(
        world, account, 1_000.0, extra=(index,), of={"betas": {"SPY": 1.5}}, policy=WheelPolicy(hedge_budget=1.0)
    )
    puts = [p for p in found if p.kind is HedgeKind.INDEX_PUT]
    assert puts
    chain = priced(world.chain(underlying="SPY", spot=100.0))
    for proposal in puts:
        (leg,) = proposal.legs
        delta = chain.delta[chain.chain.symbols.index(leg.symbol)]
        # 1,000 shares at 100 with a beta of 1.5 are 150,000 dollars, or 1,500 shares of the index: at most 15 lots.
        assert leg.quantity == min(15, math.floor(1_500 / (-100 * delta) + 0.5))
        assert proposal.delta_after == pytest.approx(1_000 + 100 * leg.quantity * delta)
    assert not [p for p in run(world, account, 1_000.0, extra=(index,)) if p.kind is HedgeKind.INDEX_PUT]


def test_the_least_residual_risk_comes_first_and_unknown_risk_last(world: Any) -> None:
    account = world.account(world.shares(300), equity=Decimal(80_000))
    found = run(world, account, 300.0)
    assert [p.es_after for p in found] == sorted(p.es_after for p in found)
    assert found == run(world, account, 300.0)
    blind = run(world, account, 300.0, tail=lambda _: None)
    gaps = [abs(p.delta_after) for p in blind]
    assert gaps == sorted(gaps)
    assert {p.legs for p in blind} == {p.legs for p in found}


@pytest.mark.parametrize("delta", [math.nan, 0.0])
def test_what_is_unknown_or_nothing_is_not_hedged(world: Any, delta: float) -> None:
    assert run(world, world.account(), delta) == ()
    assert run(world, world.account(world.shares(300), halted=True), 300.0) == ()
    assert hedge(world.account(), MarketView.of(), {}, lambda _: None, WheelPolicy(), world.now) == ()
