"""A market made by hand: European quotes around a textbook price, every number computed here and not by the package."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from wheelhouse.market.chain import ChainSnapshot
from wheelhouse.market.events import Terms
from wheelhouse.market.instruments import AccountKind, Evidence, Exercise, Right, contract_from_osi, format_osi
from wheelhouse.pricing.valuation import ValuedChain
from wheelhouse.strategy.views import AccountView, HoldingView, UnderlyingView

# A Monday, 10:00 in New York.
NOW = datetime(2024, 3, 4, 15, 0, tzinfo=UTC)
EXPIRIES = (date(2024, 3, 15), date(2024, 4, 5), date(2024, 4, 19), date(2024, 6, 21))
STRIKES = tuple(float(k) for k in range(70, 135, 5))


def normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def textbook(
    spot: float, strike: float, years: float, sigma: float, rate: float, *, call: bool
) -> tuple[float, float, float]:
    """Price, delta and probability in the money of Black and Scholes, no dividends."""
    spread = sigma * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate + sigma * sigma / 2) * years) / spread
    d2 = d1 - spread
    sign = 1 if call else -1
    value = sign * (spot * normal_cdf(sign * d1) - strike * math.exp(-rate * years) * normal_cdf(sign * d2))
    return value, sign * normal_cdf(sign * d1), normal_cdf(sign * d2)


def symbol_of(right: str, strike: float, expiry: date, root: str = "XYZ") -> str:
    return format_osi(root, expiry, Right(right), Decimal(str(strike)))


def make_chain(
    *,
    underlying: str = "XYZ",
    spot: float = 100.0,
    sigma: float = 0.30,
    rate: float = 0.04,
    expiries: tuple[date, ...] = EXPIRIES,
    strikes: tuple[float, ...] = STRIKES,
    now: datetime = NOW,
    spread: float = 0.04,
    quotes: Mapping[str, Mapping[str, float]] | None = None,
    stale: frozenset[str] = frozenset(),
    adjusted: frozenset[str] = frozenset(),
    exercise: Exercise = Exercise.AMERICAN,
) -> ValuedChain:
    """Quote every strike of every expiry at price -+ spread / 2; `quotes` overrides columns of single contracts."""
    rows: list[dict[str, Any]] = []
    for expiry in expiries:
        for strike in strikes:
            for right in ("put", "call"):
                years = (
                    datetime(expiry.year, expiry.month, expiry.day, 20, tzinfo=UTC) - now
                ).total_seconds() / 31_536_000
                value, delta, itm = textbook(spot, strike, years, sigma, rate, call=right == "call")
                row: dict[str, Any] = {
                    "symbol": symbol_of(right, strike, expiry, underlying),
                    "expiry": expiry,
                    "years": years,
                    "strike": strike,
                    "call": right == "call",
                    "bid": max(0.0, round(value - spread / 2, 2)),
                    "ask": round(max(0.0, round(value - spread / 2, 2)) + spread, 2),
                    "volume": 50.0,
                    "open_interest": 500.0,
                }
                row.update((quotes or {}).get(row["symbol"], {}))
                flags = []
                if row["bid"] == 0:
                    flags.append("no_bid")
                if math.isnan(row["bid"]) or math.isnan(row["ask"]):
                    flags.append("one_sided")
                if row["bid"] > row["ask"]:
                    flags.append("crossed")
                if row["symbol"] in stale:
                    flags.append("stale")
                solved = not flags
                if row["bid"] == row["ask"]:
                    flags.append("locked")
                row.update(
                    flags=tuple(flags),
                    sigma=sigma if solved else math.nan,
                    delta=row.get("delta", delta) if solved else math.nan,
                    itm=itm if solved else math.nan,
                )
                rows.append(row)

    def floats(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows], dtype=np.float64)

    n = len(rows)
    chain = ChainSnapshot(
        underlying=underlying,
        spot=spot,
        as_of=now,
        rate=rate,
        dividend_yield=0.0,
        exercise=exercise,
        evidence=Evidence.SIMULATED,
        symbols=tuple(row["symbol"] for row in rows),
        expiry=np.array([row["expiry"] for row in rows], dtype="datetime64[D]"),
        last_trading_day=np.array([row["expiry"] for row in rows], dtype="datetime64[D]"),
        years_to_expiry=floats("years"),
        strike=floats("strike"),
        is_call=np.array([row["call"] for row in rows], dtype=bool),
        bid=floats("bid"),
        ask=floats("ask"),
        last=np.full(n, np.nan),
        volume=floats("volume"),
        open_interest=floats("open_interest"),
        quote_ts=np.full(n, np.datetime64(now.replace(tzinfo=None), "us")),
        exercise_multiplier=np.full(n, 100, dtype=np.int64),
        standard=np.array([row["symbol"] not in adjusted for row in rows], dtype=bool),
    )
    return ValuedChain(
        chain=chain,
        priced_at=now,
        mark=(chain.bid + chain.ask) / 2,
        implied_volatility=floats("sigma"),
        delta=floats("delta"),
        gamma=np.full(n, np.nan),
        theta_per_day=np.full(n, np.nan),
        vega_per_vol_point=np.full(n, np.nan),
        rho_per_rate_point=np.full(n, np.nan),
        probability_itm=floats("itm"),
        flags=tuple(row["flags"] for row in rows),
    )


def make_view(valued: ValuedChain | None = None, **changes: Any) -> UnderlyingView:
    given: dict[str, Any] = {
        "symbol": valued.chain.underlying if valued is not None else "XYZ",
        "chain": valued,
        "state": "fresh",
        "age_seconds": 3.0,
        "terms": Terms(rate=0.04),
    }
    return UnderlyingView(**(given | changes))


def make_account(*positions: HoldingView, cash: str = "50000", **changes: Any) -> AccountView:
    given: dict[str, Any] = {
        "id": "acc-1",
        "kind": AccountKind.CASH,
        "cash": Decimal(cash),
        "equity": Decimal(cash),
        "buying_power": Decimal(cash),
        "positions": positions,
    }
    return AccountView(**(given | changes))


def make_shares(
    quantity: int, basis: str | None = "95", campaign: str | None = None, symbol: str = "XYZ"
) -> HoldingView:
    return HoldingView(
        symbol=symbol,
        quantity=quantity,
        tax_basis=None if basis is None else Decimal(basis),
        campaign_basis=None if campaign is None else Decimal(campaign),
    )


def make_option(
    right: str, strike: float, expiry: date, quantity: int = -1, credit: str | None = "2.00", root: str = "XYZ"
) -> HoldingView:
    contract = contract_from_osi(symbol_of(right, strike, expiry, root))
    return HoldingView(
        symbol=contract.symbol,
        quantity=quantity,
        contract=contract,
        tax_basis=None if credit is None else Decimal(credit),
    )


class World:
    """The factories above under one fixture, because test folders are no packages."""

    now = NOW
    expiries = EXPIRIES
    strikes = STRIKES
    chain = staticmethod(make_chain)
    view = staticmethod(make_view)
    account = staticmethod(make_account)
    shares = staticmethod(make_shares)
    option = staticmethod(make_option)
    symbol = staticmethod(symbol_of)
    textbook: Callable[..., tuple[float, float, float]] = staticmethod(textbook)


@pytest.fixture(scope="session")
def world() -> type[World]:
    return World
