from __future__ import annotations

import dataclasses
import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from seatrial.errors import ConfigurationError, HarnessError
from seatrial.exchange.pricing import european_price
from seatrial.exchange.quotes import QuoteUpdate
from seatrial.exchange.sessions import SessionKind
from seatrial.exchange.simulator import Requoter, simulate

START = datetime(2013, 3, 1, 15, 0, tzinfo=UTC)


def arrays(chain, updates: tuple[QuoteUpdate, ...], elapsed_seconds: float = 0.0):
    by_symbol = {contract.symbol: contract for contract in chain.contracts}
    contracts = [by_symbol[update.symbol] for update in updates[1:]]
    return {
        "strike": np.array([contract.strike for contract in contracts]),
        "years": np.array([contract.years_to_expiry for contract in contracts]) - elapsed_seconds / (365 * 86400),
        "is_call": np.array([contract.right == "call" for contract in contracts]),
        "bid": np.array([update.bid for update in updates[1:]]),
        "ask": np.array([update.ask for update in updates[1:]]),
    }


def assert_sound(chain, updates: tuple[QuoteUpdate, ...]) -> None:
    quotes = arrays(chain, updates)
    spot = (updates[0].bid + updates[0].ask) / 2
    assert np.all(quotes["bid"] >= 0)
    assert np.all(quotes["ask"] > quotes["bid"])
    intrinsic = np.maximum(np.where(quotes["is_call"], 1, -1) * (spot - quotes["strike"]), 0)
    assert np.all(quotes["ask"] >= intrinsic - 1e-9)
    for prices in (quotes["bid"], quotes["ask"]):
        tick = np.where(prices < 3, 0.01, 0.05)
        np.testing.assert_allclose(np.round(prices / tick) * tick, prices, atol=1e-9)
    assert all(update.bid_size > 0 or update.bid == 0 for update in updates)
    assert all(update.ask_size > 0 for update in updates)
    assert updates[0].symbol == chain.symbol
    assert updates[0].ask > updates[0].bid > 0


@pytest.mark.parametrize("kind", list(SessionKind))
def test_every_session_is_quoted_soundly(american_arbitrages, chain, kind: SessionKind) -> None:
    batches = list(simulate(chain, kind, start=START, seconds=60, updates_per_minute=1500, seed=7))
    assert len(batches) == 13
    for batch in batches:
        assert (batch.updates == ()) is batch.halted
        if not batch.halted:
            assert_sound(chain, batch.updates)
            quotes = arrays(chain, batch.updates, batch.seconds)
            spot = (batch.updates[0].bid + batch.updates[0].ask) / 2
            assert not american_arbitrages(**quotes, spot=spot, rate=0.0, dividend_yield=0.0)


@pytest.mark.parametrize("spot", [80.0, 95.0, 105.0, 120.0])
def test_without_carry_no_portfolio_at_all_gains(cheapest_free_lunch, chain, spot: float) -> None:
    updates = Requoter(chain).requote(spot, START)
    quotes = arrays(chain, updates)
    middle = (updates[0].bid + updates[0].ask) / 2
    for left in np.unique(quotes["years"]):
        row = quotes["years"] == left
        picked = {name: values[row] for name, values in quotes.items() if name != "years"}
        cost = cheapest_free_lunch(**picked, spot=middle, years=left, rate=0.0, dividend_yield=0.0)
        assert cost >= -1e-6


def test_a_noisy_chain_is_repaired(american_arbitrages, make_chain) -> None:
    chain = make_chain(strikes=21, days=(30, 90))
    random = np.random.default_rng(4)
    noisy = tuple(
        dataclasses.replace(contract, bid=round(mid - 0.01, 2), ask=round(mid + 0.01, 2))
        for contract in chain.contracts
        if contract.bid
        for mid in [(contract.bid + contract.ask) / 2 + random.normal(0, 0.15)]
        if mid > 0.05
    )
    updates = Requoter(dataclasses.replace(chain, contracts=noisy)).requote(100.0, START)
    quotes = arrays(chain, updates)
    as_pushed = {"bid": np.array([c.bid for c in noisy]), "ask": np.array([c.ask for c in noisy])}
    assert len(american_arbitrages(**{**quotes, **as_pushed}, spot=100.0, rate=0.0, dividend_yield=0.0)) > 100
    assert not american_arbitrages(**quotes, spot=100.0, rate=0.0, dividend_yield=0.0)


@pytest.mark.parametrize("model", ["american", "european"])
def test_with_carry(make_chain, american_arbitrages, cheapest_free_lunch, model) -> None:
    chain = make_chain(rate=0.05, dividend_yield=0.02, model=model, days=(30, 365))
    for spot in (90.0, 100.0, 111.0):
        updates = Requoter(chain).requote(spot, START)
        quotes = arrays(chain, updates)
        middle = (updates[0].bid + updates[0].ask) / 2
        assert np.all(quotes["ask"] > quotes["bid"])
        if model == "american":
            assert not american_arbitrages(**quotes, spot=middle, rate=0.05, dividend_yield=0.02)
        else:
            for left in np.unique(quotes["years"]):
                row = quotes["years"] == left
                picked = {name: values[row] for name, values in quotes.items() if name != "years"}
                cost = cheapest_free_lunch(**picked, spot=middle, years=left, rate=0.05, dividend_yield=0.02)
                assert cost >= -1e-6


def test_the_first_batch_is_the_chain_itself(chain) -> None:
    updates = Requoter(chain).requote(chain.spot, START)
    assert (updates[0].bid, updates[0].ask) == (99.99, 100.01)
    for contract, update in zip(chain.contracts, updates[1:], strict=True):
        assert (update.symbol, update.ts) == (contract.symbol, START)
        assert (update.bid, update.ask) == (contract.bid, contract.ask)


@pytest.mark.parametrize("spot", [95.0, 105.0])
def test_each_contract_keeps_its_volatility_but_for_the_spots_response(chain, spot: float) -> None:
    updates = Requoter(chain, spot_vol_response=1.5).requote(spot, START)
    checked = 0
    for contract, update in zip(chain.contracts, updates[1:], strict=True):
        if contract.implied_volatility is None or update.bid == 0:
            continue
        volatility = contract.implied_volatility * (spot / chain.spot) ** -1.5
        fair = european_price(
            spot,
            np.array([contract.strike]),
            np.array([contract.years_to_expiry]),
            np.array([volatility]),
            0.0,
            0.0,
            np.array([contract.right == "call"]),
        )[0]
        assert update.bid - 0.06 <= fair <= update.ask + 0.06
        # The half spread stays, but for two ticks of rounding.
        assert abs((update.ask - update.bid) - (contract.ask - contract.bid)) <= 0.15
        checked += 1
    assert checked > 60


DIGEST = """
import dataclasses, hashlib, pickle, sys
from datetime import UTC, datetime
from seatrial.exchange.sessions import SessionKind
from seatrial.exchange.simulator import simulate
from types import SimpleNamespace

contracts = [SimpleNamespace(**contract) for contract in pickle.load(sys.stdin.buffer)]
chain = SimpleNamespace(symbol="TEST", spot=100.0, rate=0.0, dividend_yield=0.0, model="american", contracts=contracts)
start = datetime(2013, 3, 1, 15, 0, tzinfo=UTC)
batches = simulate(chain, SessionKind.SWINGS, start=start, seconds=30, updates_per_minute=3000, seed=int(sys.argv[1]))
print(hashlib.sha256(repr([dataclasses.asdict(batch) for batch in batches]).encode()).hexdigest())
"""


def digest(chain, seed: int, hash_seed: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-c", DIGEST, str(seed)],
        input=pickle.dumps([dataclasses.asdict(contract) for contract in chain.contracts]),
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
    ).stdout


def test_the_same_seed_gives_the_same_bytes_in_another_process(chain) -> None:
    assert digest(chain, 11, "1") == digest(chain, 11, "2")
    assert digest(chain, 12, "1") != digest(chain, 11, "1")


@pytest.mark.parametrize("rate", [500, 10_000])
def test_the_rate_is_the_one_asked_for(chain, rate: float) -> None:
    batches = list(simulate(chain, SessionKind.CALM, start=START, seconds=60, updates_per_minute=rate, seed=1))
    assert sum(len(batch.updates) for batch in batches) / rate == pytest.approx(1.0, abs=0.25)
    assert batches[0].updates[0].ts == START
    spacing = timedelta(seconds=121 * 60 / rate)
    assert batches[1].updates[0].ts - START == spacing


@pytest.mark.parametrize(("rate", "seconds"), [(99, 600), (10_001, 60), (100, 60)])
def test_a_rate_that_cannot_be_is_a_configuration_error(chain, rate: float, seconds: float) -> None:
    with pytest.raises(ConfigurationError):
        simulate(chain, SessionKind.CALM, start=START, seconds=seconds, updates_per_minute=rate, seed=1)


def test_contracts_without_an_ask_or_time_are_left_out(chain) -> None:
    first, second, third, *rest = chain.contracts
    odd = (
        dataclasses.replace(first, ask=None),
        dataclasses.replace(second, years_to_expiry=0.0),
        dataclasses.replace(third, bid=9.0, ask=1.0),
    )
    requoter = Requoter(dataclasses.replace(chain, contracts=(*odd, *rest)))
    assert requoter.symbols == ("TEST", *(contract.symbol for contract in rest))


def test_a_chain_without_volatility_is_no_start(chain) -> None:
    blank = tuple(dataclasses.replace(contract, implied_volatility=None) for contract in chain.contracts)
    with pytest.raises(HarnessError, match="push quotes to the target first"):
        Requoter(dataclasses.replace(chain, contracts=blank))


def test_an_expiring_option_ends_at_its_payoff(make_chain) -> None:
    chain = make_chain(days=(1,))
    updates = Requoter(chain).requote(102.0, START, elapsed_seconds=86_400.0)
    for contract, update in zip(chain.contracts, updates[1:], strict=True):
        payoff = max((102.0 - contract.strike) * (1 if contract.right == "call" else -1), 0.0)
        assert update.bid <= payoff <= update.ask


def test_a_real_chain_is_quoted_soundly(american_arbitrages, real_chain) -> None:
    requoter = Requoter(real_chain)
    for spot in (real_chain.spot, 244.0, 270.0):
        updates = requoter.requote(spot, START)
        assert len(updates) > 1500
        quotes = arrays(real_chain, updates)
        assert np.all(quotes["bid"] >= 0)
        assert np.all(quotes["ask"] > quotes["bid"])
        near = np.abs(quotes["strike"] / spot - 1) < 0.08
        middle = (updates[0].bid + updates[0].ask) / 2
        picked = {name: values[near] for name, values in quotes.items()}
        assert not american_arbitrages(**picked, spot=middle, rate=0.04, dividend_yield=0.004)
