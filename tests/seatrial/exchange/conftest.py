"""Chains to quote again, one made here and a real one; and arbitrage found by other means than the exchange's own."""

from __future__ import annotations

import csv
import itertools
import math
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

from seatrial.exchange.pricing import european_price, lower_bound
from seatrial.exchange.ticks import TickTable

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Contract:
    symbol: str
    strike: float
    years_to_expiry: float
    right: Literal["call", "put"]
    bid: float | None
    ask: float | None
    implied_volatility: float | None


@dataclass(frozen=True, kw_only=True)
class Chain:
    symbol: str
    spot: float
    rate: float
    dividend_yield: float
    model: Literal["american", "european"]
    contracts: tuple[Contract, ...]


def make_chain(
    *,
    spot: float = 100.0,
    rate: float = 0.0,
    dividend_yield: float = 0.0,
    model: Literal["american", "european"] = "american",
    strikes: int = 15,
    days: tuple[int, ...] = (4, 18, 60, 200),
) -> Chain:
    """A smile with skew, half spreads that grow with the price, zero bids in the wings."""
    strike, day, call = (
        np.ravel(grid)
        for grid in np.meshgrid(np.round(np.linspace(0.75, 1.3, strikes) * spot), days, [True, False], indexing="ij")
    )
    years = day / 365
    moneyness = np.log(strike / spot)
    volatility = 0.25 - 0.12 * moneyness + 0.1 * moneyness**2
    call = call.astype(bool)
    mid = european_price(spot, strike, years, volatility, rate, dividend_yield, call)
    floor = lower_bound(spot, strike, years, rate, dividend_yield, call, american=model == "american")
    mid = np.maximum(mid, floor)
    ticks = TickTable()
    half = 0.02 + 0.01 * mid
    bid, ask = ticks.down(mid - half), ticks.up(np.maximum(mid + half, floor))
    contracts = tuple(
        Contract(
            symbol=f"{'TEST':6}{int(day[i]):06d}{'C' if call[i] else 'P'}{round(strike[i] * 1000):08d}",
            strike=float(strike[i]),
            years_to_expiry=float(years[i]),
            right="call" if call[i] else "put",
            bid=float(bid[i]),
            ask=float(ask[i]),
            implied_volatility=float(volatility[i]) if bid[i] > 0 else None,
        )
        for i in range(len(strike))
    )
    return Chain(symbol="TEST", spot=spot, rate=rate, dividend_yield=dividend_yield, model=model, contracts=contracts)


@pytest.fixture
def chain() -> Chain:
    return make_chain()


@pytest.fixture
def real_chain() -> Chain:
    folder = os.environ.get("REAL_DATA_DIR")
    if not folder:
        pytest.skip(
            "REAL_DATA_DIR is not set; the file is chains/aapl_2025-10-06.csv of tyrneh/options-implied-probability"
        )
    with (Path(folder) / "chains" / "aapl_2025-10-06.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    contracts = []
    for row in rows:
        years = (date.fromisoformat(row["expiration"]) - date(2025, 10, 6)).days / 365
        contracts.append(
            Contract(
                symbol=row["contract_symbol"],
                strike=float(row["strike"]),
                years_to_expiry=years,
                right="call" if row["type"] == "C" else "put",
                bid=float(row["bid"] or 0),
                ask=float(row["ask"] or 0),
                implied_volatility=float(row["implied_volatility"] or 0) or None,
            )
        )
    return Chain(
        symbol="AAPL", spot=256.7, rate=0.04, dividend_yield=0.004, model="american", contracts=tuple(contracts)
    )


def cheapest_free_lunch(
    strike: Array,
    is_call: NDArray[np.bool_],
    bid: Array,
    ask: Array,
    *,
    spot: float,
    years: float,
    rate: float,
    dividend_yield: float,
) -> float:
    """The least cost of a portfolio of European options of one expiry, stock and cash that never pays less than 0; < 0 is an arbitrage.

    Each option can be bought or sold once.
    """
    knots = np.concatenate(([0.0], np.unique(strike), [10 * strike.max()]))
    sign = np.where(is_call, 1.0, -1.0)
    payoff = np.maximum(sign * (knots[:, None] - strike[None, :]), 0.0)
    count = len(strike)
    rows = np.hstack([payoff, -payoff, knots[:, None], np.ones((len(knots), 1))])
    # Past the last strike the slope decides.
    slope = np.concatenate([is_call.astype(float), -is_call.astype(float), [1.0, 0.0]])
    cost = np.concatenate([ask, -bid, [spot * math.exp(-dividend_yield * years), math.exp(-rate * years)]])
    bounds = [(0, 1)] * (2 * count) + [(-2 * count, 2 * count), (None, None)]
    answer = linprog(cost, A_ub=-np.vstack([rows, slope]), b_ub=np.zeros(len(knots) + 1), bounds=bounds, method="highs")
    assert answer.status == 0, answer.message
    return float(answer.fun)


def american_arbitrages(
    strike: Array,
    years: Array,
    is_call: NDArray[np.bool_],
    bid: Array,
    ask: Array,
    *,
    spot: float,
    rate: float,
    dividend_yield: float,
) -> list[str]:
    """Verticals, butterflies, calendars, conversions, reversals and early exercise that gain more than rounding."""
    found: list[str] = []
    least = 1e-6

    def check(gain: float, name: str) -> None:
        if gain > least:
            found.append(f"{name}: {gain:.4f}")

    for call in (True, False):
        sign = 1 if call else -1
        places = np.flatnonzero(is_call == call)
        for i in places:
            check(sign * (spot - strike[i]) - ask[i], f"exercise {strike[i]} {years[i]:.3f}")
            for j in places:
                if years[j] > years[i] and strike[j] == strike[i]:
                    check(bid[i] - ask[j], f"calendar {strike[i]}")
        for left in np.unique(years):
            row = places[years[places] == left]
            row = row[np.argsort(strike[row])]
            for low, high in itertools.combinations(row, 2):
                cheap, dear = (high, low) if call else (low, high)
                check(bid[cheap] - ask[dear], f"vertical {strike[low]} {strike[high]}")
                check(
                    bid[dear] - ask[cheap] - (strike[high] - strike[low]),
                    f"spread over width {strike[low]} {strike[high]}",
                )
            for low, middle, high in itertools.combinations(row, 3):
                weight = (strike[high] - strike[middle]) / (strike[high] - strike[low])
                check(bid[middle] - weight * ask[low] - (1 - weight) * ask[high], f"butterfly at {strike[middle]}")
    for i in np.flatnonzero(is_call):
        for j in np.flatnonzero(~is_call & (strike == strike[i]) & (years == years[i])):
            check(bid[i] - ask[j] - spot + strike[i] * math.exp(-rate * years[i]), f"conversion {strike[i]}")
            check(bid[j] - ask[i] - strike[i] + spot * math.exp(-dividend_yield * years[i]), f"reversal {strike[i]}")
    return found


@pytest.fixture(scope="session", name="cheapest_free_lunch")
def _cheapest_free_lunch():
    return cheapest_free_lunch


@pytest.fixture(scope="session", name="american_arbitrages")
def _american_arbitrages():
    return american_arbitrages


@pytest.fixture(scope="session", name="make_chain")
def _make_chain():
    return make_chain
