import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.market.events import Dividend, Earnings, Terms
from wheelhouse.market.instruments import Right
from wheelhouse.strategy.policy import WheelPolicy
from wheelhouse.strategy.reasons import Code
from wheelhouse.strategy.screening import Sale, Screen, screen
from wheelhouse.strategy.sizing import Capital

# The 30-delta neighbourhood: with sigma 0.30 and 32 days this put has |delta| 0.25, this call 0.31.
PUT, CALL = ("put", 95.0), ("call", 105.0)
GOOD = {"bid": 1.50, "ask": 1.56, "open_interest": 500.0, "volume": 50.0}


def run(
    world: Any,
    right: Right = Right.PUT,
    policy: WheelPolicy | None = None,
    sale: Mapping[str, Any] | None = None,
    **given_: Any,
) -> Screen:
    terms = given_.pop("terms", Terms(rate=0.04))
    valued = world.chain(**given_)
    return screen(
        world.view(valued, terms=terms), valued, Sale(right=right, **(sale or {})), policy or WheelPolicy(), world.now
    )


def codes(world: Any, found: Screen, symbol: str) -> tuple[str, ...]:
    return found.broken_by(found.context.valued.chain.symbols.index(symbol))


def subject(world: Any, right: Right) -> str:
    name, strike = PUT if right is Right.PUT else CALL
    return str(world.symbol(name, strike, world.expiries[1]))


@pytest.mark.parametrize("right", list(Right))
def test_a_good_contract_passes(world: Any, right: Right) -> None:
    symbol = subject(world, right)
    found = run(world, right, quotes={symbol: GOOD})
    assert codes(world, found, symbol) == ()
    assert symbol in {row.symbol for row in found.candidates}


@pytest.mark.parametrize(
    ("quote", "policy", "code"),
    [
        ({"bid": 0.0}, {}, Code.NO_BID),
        ({"bid": math.nan}, {}, Code.ONE_SIDED),
        ({"ask": math.nan}, {}, Code.ONE_SIDED),
        ({"bid": 1.60}, {}, Code.CROSSED),
        ({"bid": 1.56}, {}, Code.LOCKED),
        ({"ask": 1.85}, {}, Code.SPREAD_TOO_WIDE),
        ({"open_interest": 9.0}, {}, Code.OPEN_INTEREST_TOO_LOW),
        ({"open_interest": math.nan}, {"require_known_liquidity": True}, Code.OPEN_INTEREST_UNKNOWN),
        ({"volume": 4.0}, {"min_volume": 5}, Code.VOLUME_TOO_LOW),
        ({"volume": math.nan}, {"min_volume": 5, "require_known_liquidity": True}, Code.VOLUME_UNKNOWN),
        ({"delta": -0.301}, {}, Code.DELTA_OUT_OF_RANGE),
        ({"delta": -0.149}, {}, Code.DELTA_OUT_OF_RANGE),
        ({"delta": math.nan}, {}, Code.UNPRICED),
        ({}, {"max_dte": 31}, Code.DTE_OUT_OF_RANGE),
        ({}, {"min_dte": 33}, Code.DTE_OUT_OF_RANGE),
        ({"bid": 0.01, "ask": 0.05}, {"min_annualized_yield": 0.0}, Code.CREDIT_BELOW_FEES),
        ({}, {"min_annualized_yield": 0.20}, Code.YIELD_TOO_LOW),
    ],
)
def test_each_rule_refuses_by_its_own_code(
    world: Any, quote: dict[str, float], policy: dict[str, float], code: Code
) -> None:
    symbol = subject(world, Right.PUT)
    found = run(world, quotes={symbol: GOOD | quote}, policy=WheelPolicy.from_mapping(policy))
    assert codes(world, found, symbol) == (code,)
    assert found.rejections[code] >= 1
    assert symbol not in {row.symbol for row in found.candidates}


@pytest.mark.parametrize(
    ("quote", "policy"),
    [
        ({"ask": 1.60}, {}),  # the absolute limit of 0.10, to the cent
        ({"ask": 1.70}, {"max_spread": 0.0, "max_spread_fraction": 0.125}),  # 0.20 is 12.5 % of the mid of 1.60
        ({"open_interest": 10.0}, {}),
        ({"open_interest": math.nan}, {}),
        ({"volume": 0.0}, {}),
        ({"delta": -0.30}, {}),
        ({"delta": -0.15}, {}),
        ({"bid": 0.02, "ask": 0.05}, {"min_annualized_yield": 0.0}),
        ({}, {"min_dte": 32, "max_dte": 32}),
    ],
)
def test_limits_are_inclusive(world: Any, quote: dict[str, float], policy: dict[str, float]) -> None:
    symbol = subject(world, Right.PUT)
    found = run(world, quotes={symbol: GOOD | quote}, policy=WheelPolicy.from_mapping(policy))
    assert codes(world, found, symbol) == ()


def test_stale_and_adjusted_contracts_are_refused(world: Any) -> None:
    symbol = subject(world, Right.PUT)
    assert codes(world, run(world, quotes={symbol: GOOD}, stale=frozenset({symbol})), symbol) == (Code.STALE,)
    assert codes(world, run(world, quotes={symbol: GOOD}, adjusted=frozenset({symbol})), symbol) == (
        Code.ADJUSTED_CONTRACT,
    )


def test_known_earnings_refuse_unless_allowed(world: Any) -> None:
    symbol = subject(world, Right.PUT)
    terms = Terms(earnings=(Earnings(date=world.expiries[1]),))
    assert codes(world, run(world, quotes={symbol: GOOD}, terms=terms), symbol) == (Code.EARNINGS_BEFORE_EXPIRY,)
    allowed = run(world, quotes={symbol: GOOD}, terms=terms, policy=WheelPolicy(allow_earnings=True))
    assert codes(world, allowed, symbol) == ()
    after = Terms(earnings=(Earnings(date=date(2024, 4, 6)),))
    assert codes(world, run(world, quotes={symbol: GOOD}, terms=after), symbol) == ()


@pytest.mark.parametrize("right", list(Right))
def test_an_ex_date_refuses_calls_only_and_only_if_avoided(world: Any, right: Right) -> None:
    symbol = subject(world, right)
    terms = Terms(dividends=(Dividend(ex_date=world.expiries[1], amount=Decimal("0.5")),))
    avoided = run(world, right, WheelPolicy(avoid_ex_dividend=True), quotes={symbol: GOOD}, terms=terms)
    assert codes(world, avoided, symbol) == ((Code.EX_DIVIDEND_BEFORE_EXPIRY,) if right is Right.CALL else ())
    assert codes(world, run(world, right, quotes={symbol: GOOD}, terms=terms), symbol) == ()


def test_no_call_is_struck_below_the_floor_or_the_market(world: Any) -> None:
    found = run(
        world, Right.CALL, sale={"floor": 112.5}, policy=WheelPolicy(call_min_delta=0.01, min_annualized_yield=0)
    )
    assert found.admissible
    assert all(row.strike >= 112.5 for row in found.candidates)
    exact = run(world, Right.CALL, sale={"floor": 105.0}, quotes={subject(world, Right.CALL): GOOD})
    assert codes(world, exact, subject(world, Right.CALL)) == ()
    below = world.symbol("call", 95.0, world.expiries[1])
    assert Code.BELOW_MARKET in codes(world, found, below)
    assert Code.BELOW_CALL_FLOOR in codes(world, found, below)


@pytest.mark.parametrize("code", [Code.INSUFFICIENT_CASH, Code.INSUFFICIENT_BUYING_POWER])
def test_a_put_that_nothing_secures_is_refused(world: Any, code: Code) -> None:
    symbol = subject(world, Right.PUT)
    for available, expected in ((9_500.0, ()), (9_499.99, (code,))):
        behind = Capital(available=available, by_margin=False, shortage=code)
        assert codes(world, run(world, quotes={symbol: GOOD}, sale={"capital": behind}), symbol) == expected
    margin = Capital(available=2_500.0, by_margin=True, shortage=code)
    # 100 x (1.50 + max(20 - 5, 9.5)) = 1,650
    assert codes(world, run(world, quotes={symbol: GOOD}, sale={"capital": margin}), symbol) == ()
    poor = Capital(available=1_649.0, by_margin=True, shortage=code)
    assert codes(world, run(world, quotes={symbol: GOOD}, sale={"capital": poor}), symbol) == (code,)


def test_the_name_limit_and_a_long_position_refuse(world: Any) -> None:
    symbol = subject(world, Right.PUT)
    full = Capital(available=1e6, by_margin=False, shortage=Code.INSUFFICIENT_CASH, name_room=9_000.0)
    assert codes(world, run(world, quotes={symbol: GOOD}, sale={"capital": full}), symbol) == (Code.NAME_LIMIT,)
    long = run(world, quotes={symbol: GOOD}, sale={"held_long": frozenset({symbol})})
    assert codes(world, long, symbol) == (Code.POSITION_CONFLICT,)


quotes = st.fixed_dictionaries(
    {
        "bid": st.one_of(st.just(math.nan), st.floats(0, 5).map(lambda x: round(x, 2))),
        "ask": st.one_of(st.just(math.nan), st.floats(0, 5).map(lambda x: round(x, 2))),
        "open_interest": st.one_of(st.just(math.nan), st.integers(0, 30).map(float)),
        "delta": st.one_of(st.just(math.nan), st.floats(-0.6, -0.01)),
    }
)


@given(st.lists(quotes, min_size=13, max_size=13))
def test_counts_masks_and_ranking_agree_with_a_loop_over_contracts(world: Any, rows: list[dict[str, float]]) -> None:
    """An independent, scalar reading of the rules on random quotes of one expiry."""
    expiry = world.expiries[1]
    overrides = {world.symbol("put", k, expiry): row for k, row in zip(world.strikes, rows, strict=True)}
    found = run(world, expiries=(expiry,), quotes=overrides)
    expected: list[tuple[float, float, str]] = []
    for strike, row in zip(world.strikes, rows, strict=True):
        bid, ask, delta = row["bid"], row["ask"], row["delta"]
        if math.isnan(bid) or math.isnan(ask) or bid <= 0 or ask <= bid or math.isnan(delta):
            continue
        worth = bid / (strike - bid) * 365 / 32
        liquid = ask - bid <= max(0.10, 0.15 * (ask + bid) / 2) + 1e-9 and not row["open_interest"] < 10
        if liquid and bid * 100 > 1.30 and 0.15 <= -delta <= 0.30 and worth >= 0.05:
            expected.append((-worth, -delta, world.symbol("put", strike, expiry)))
    assert [row.symbol for row in found.candidates] == [symbol for _, _, symbol in sorted(expected)]
    assert found.count == 13
    broken = [found.broken_by(int(i)) for i in np.flatnonzero(found.considered)]
    assert sum(1 for own in broken if not own) == len(found.admissible)
    tally: dict[str, int] = {}
    for code in (code for own in broken for code in own):
        tally[code] = tally.get(code, 0) + 1
    assert tally == found.rejections


def test_the_best_annualised_yield_comes_first(world: Any) -> None:
    found = run(world)
    worth = [row.annualized_yield for row in found.candidates]
    assert len(worth) > 1
    assert worth == sorted(worth, key=lambda x: -(x or 0.0))


def test_the_nearest_miss_broke_the_fewest_rules(world: Any) -> None:
    symbol = subject(world, Right.PUT)
    policy = WheelPolicy(put_min_delta=0.2499, put_max_delta=0.2501, min_dte=32, max_dte=32)
    found = run(world, policy=policy, quotes={symbol: GOOD | {"delta": -0.25, "open_interest": 1.0}})
    assert not found.admissible
    assert found.nearest_miss is not None
    fewest = min(len(found.broken_by(int(i))) for i in np.flatnonzero(found.considered))
    assert len(found.broken_by(found.nearest_miss)) == fewest > 0
    assert run(world, expiries=()).nearest_miss is None


def test_an_empty_chain_is_screened_to_nothing(world: Any) -> None:
    found = run(world, expiries=())
    assert (found.count, found.admissible, found.rejections) == (0, (), {})
