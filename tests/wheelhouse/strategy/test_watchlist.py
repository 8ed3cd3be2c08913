from typing import Any

from wheelhouse.market.instruments import Right
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.sizing import Capital
from wheelhouse.strategy.views import MarketView
from wheelhouse.strategy.watchlist import watchlist


def market(world: Any) -> MarketView:
    return MarketView.of(
        world.view(world.chain(underlying="AAA", sigma=0.25)),
        world.view(world.chain(underlying="BBB", sigma=0.45)),
        world.view(None, symbol="CCC", state="missing", age_seconds=None),
        world.view(world.chain(underlying="DDD"), state="stale", age_seconds=901.0),
    )


def test_names_compete_in_one_ranking_and_the_unanswered_are_named(world: Any) -> None:
    policy = WheelPolicy(put_min_delta=0.05)
    found = watchlist(market(world), policy, world.now)
    worth = [row.annualized_yield or 0.0 for row in found.candidates]
    assert worth == sorted(worth, reverse=True)
    assert {row.underlying for row in found.candidates} == {"AAA", "BBB"}
    assert {row.right for row in found.candidates} == {Right.PUT}
    assert {name: why.code for name, why in found.unanswered.items()} == {"CCC": "no_data", "DDD": "stale_data"}
    alone = [watchlist(MarketView.of(market(world).underlyings[name]), policy, world.now) for name in ("AAA", "BBB")]
    assert sum(len(part.candidates) for part in alone) == len(found.candidates)
    for code, count in found.rejections.items():
        assert count == sum(part.rejections.get(code, 0) for part in alone)


def test_calls_and_capital_narrow_the_list(world: Any) -> None:
    calls = watchlist(market(world), WheelPolicy(), world.now, right=Right.CALL)
    assert {row.right for row in calls.candidates} == {Right.CALL}
    poor = Capital(available=100.0, by_margin=False, shortage=Code.INSUFFICIENT_CASH)
    none = watchlist(market(world), WheelPolicy(), world.now, capital=poor)
    assert none.candidates == ()
    assert none.rejections["insufficient_cash"] == 2 * len(world.strikes) * len(world.expiries)
