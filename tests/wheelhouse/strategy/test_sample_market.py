"""The whole way on the sample market: real bars, simulated American quotes, real calendar, own valuation."""

import math
from decimal import Decimal

import polars as pl
import pytest

from wheelhouse.feeds.sample import SAMPLE_NOW, SampleMarket
from wheelhouse.ledger.orders import Order
from wheelhouse.market.calendar import nyse
from wheelhouse.market.chain import build_chain
from wheelhouse.market.instruments import AccountKind
from wheelhouse.pricing.valuation import value_chain
from wheelhouse.strategy.advice import Action, Figures
from wheelhouse.strategy.policy import PRESETS, WheelPolicy
from wheelhouse.strategy.views import AccountView, HoldingView, MarketView, UnderlyingView
from wheelhouse.strategy.watchlist import watchlist
from wheelhouse.strategy.wheel import recommend


@pytest.fixture(scope="module")
def market() -> MarketView:
    calendar = nyse(2023)
    source = SampleMarket(calendar)
    views = []
    for name in source.symbols():
        quotes = source.quotes([name], SAMPLE_NOW)
        own = quotes.filter(pl.col("symbol") == name)
        terms = source.terms(name, SAMPLE_NOW)
        chain = build_chain(
            name,
            quotes,
            spot=(own["bid"][0] + own["ask"][0]) / 2,
            as_of=SAMPLE_NOW,
            terms=terms,
            calendar=calendar,
            evidence=source.evidence,
        )
        valued = value_chain(chain, priced_at=SAMPLE_NOW)
        views.append(UnderlyingView(symbol=name, chain=valued, state="fresh", age_seconds=0.0, terms=terms))
    return MarketView.of(*views)


def holds(row: Figures, market: MarketView) -> bool:
    """Whether probability and delta are those of the contract's own volatility, by a formula written here."""
    valued = market.underlyings[row.underlying].chain
    assert valued is not None
    chain = valued.chain
    i = chain.symbols.index(row.symbol)
    sigma, years = valued.implied_volatility[i], chain.years_to_expiry[i]
    drift = chain.rate - chain.dividend_yield - sigma * sigma / 2
    d2 = (math.log(chain.spot / row.strike) + drift * years) / (sigma * math.sqrt(years))
    sign = 1 if row.right == "call" else -1
    probability = 0.5 * math.erfc(-sign * d2 / math.sqrt(2))
    delta = sign * 0.5 * math.erfc(-sign * (d2 + sigma * math.sqrt(years)) / math.sqrt(2))
    assert row.probability_itm == pytest.approx(probability, abs=1e-9)
    # An American put's delta is a little steeper than the European one.
    return row.delta == pytest.approx(delta, abs=0.02)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_name_gets_an_order_or_reasons(market: MarketView, preset: str) -> None:
    policy = WheelPolicy.preset(preset)
    account = AccountView(
        id="a",
        kind=AccountKind.CASH,
        cash=Decimal(100_000),
        equity=Decimal(140_000),
        buying_power=Decimal(100_000),
        positions=(HoldingView(symbol="IBM", quantity=200, tax_basis=Decimal(195)),),
    )
    advice = recommend(account, market, policy, SAMPLE_NOW)
    assert {item.symbol for item in advice.recommendations} == set(market.underlyings)
    assert any(item.action is Action.SELL_PUT for item in advice.recommendations)
    for item in advice.recommendations:
        assert item.reasons
        if not item.legs:
            continue
        assert item.action is (Action.SELL_CALL if item.symbol == "IBM" else Action.SELL_PUT)
        Order(
            id="o",
            account_id="a",
            created_at=SAMPLE_NOW,
            legs=item.legs,
            limit_price=item.limit_price,
            effect=item.effect,
        )
        row = item.figures
        assert row is not None
        assert row.bid is not None
        assert row.last_trading_day <= row.expiry
        assert float(item.limit_price or 0) == pytest.approx(row.bid)
        assert holds(row, market)
        low, high = policy.delta_bounds(call=item.action is Action.SELL_CALL)
        assert low <= abs(row.delta or 0) <= high


def test_the_watchlist_ranks_all_names(market: MarketView) -> None:
    found = watchlist(market, WheelPolicy(), SAMPLE_NOW)
    assert not found.unanswered
    assert {row.underlying for row in found.candidates} == set(market.underlyings)
    assert all(holds(row, market) for row in found.candidates)
