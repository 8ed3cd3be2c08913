"""What the slices leave out would not have changed the advice: the whole chain gives the same orders."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from wheelhouse.feeds.sample import SampleMarket
from wheelhouse.ledger.booking import open_account
from wheelhouse.market.calendar import TradingCalendar
from wheelhouse.market.instruments import Position
from wheelhouse.pricing.valuation import value_chain
from wheelhouse.replay.account import account_view
from wheelhouse.replay.books import Books
from wheelhouse.replay.market import Instant
from wheelhouse.replay.slices import asks_for_new_legs, full_view, held_view
from wheelhouse.strategy.policy import PRESETS, WheelPolicy
from wheelhouse.strategy.views import MarketView, UnderlyingView
from wheelhouse.strategy.wheel import recommend

DAYS = (
    ("AAPL", date(2000, 10, 3)),
    ("IBM", date(2008, 10, 10)),
    ("MSFT", date(2006, 11, 24)),
    ("AAPL", date(2012, 9, 4)),
)


def positions(state: str, market: Instant, name: str, now: datetime) -> list[Position]:
    spot = Decimal(str(round(market.spot(name))))
    if state == "flat":
        return []
    if state == "shares":
        return [Position(symbol=name, quantity=300, cost_basis=spot * Decimal("1.1"))]
    call = state == "short call"
    right = [c for c in market.listed(name) if c.right.value == ("call" if call else "put")]
    soon = min(c.expiry for c in right if (c.expiry - now.date()).days >= 5)
    strike = [c for c in right if c.expiry == soon]
    # The call in the money, to be rolled if it can be; the put nearly worthless, to be rolled for its profit.
    chosen = min(strike, key=lambda c: abs(c.strike - spot * (Decimal("0.98") if call else Decimal("0.93"))))
    short = Position(symbol=chosen.text, quantity=-2, cost_basis=Decimal(10) if call else Decimal(3))
    shares = [Position(symbol=name, quantity=300, cost_basis=spot * Decimal("0.9"))] if call else []
    return [*shares, short]


@pytest.mark.parametrize("state", ["flat", "shares", "short put", "short call"])
@pytest.mark.parametrize(("name", "day"), DAYS)
def test_orders_are_those_of_the_whole_chain(
    sample: SampleMarket, calendar: TradingCalendar, name: str, day: date, state: str
):
    now = calendar.close_at(day) - timedelta(minutes=15)
    books = Books("test")
    market = Instant(sample, calendar, now, contracts=books.contracts)
    held = positions(state, market, name, now)
    books.append(open_account("test", ts=calendar.open_at(day), cash=Decimal(100_000), positions=held))
    account = account_view(books, market)
    everything = {c.text for c in market.listed(name)} | {p.symbol for p in held if p.symbol != name}
    whole = UnderlyingView(
        symbol=name,
        chain=value_chain(market.chain(name, everything), priced_at=now),
        state="fresh",
        age_seconds=0.0,
        terms=market.terms(name),
    )
    ordered = 0
    for policy in [WheelPolicy.preset(preset) for preset in PRESETS] + [WheelPolicy(concurrent_puts=True)]:
        fired = asks_for_new_legs(
            recommend(account, MarketView.of(held_view(account, name, market)), policy, now), name
        )
        part = full_view(account, name, market, policy, now, rolls=fired)
        assert part.chain is not None
        assert whole.chain is not None
        assert len(part.chain.chain) < len(whole.chain.chain)
        sliced, complete = (recommend(account, MarketView.of(view), policy, now) for view in (part, whole))
        orders = [[(r.action, r.legs, r.limit_price) for r in a.recommendations] for a in (sliced, complete)]
        assert orders[0] == orders[1]
        ordered += sum(bool(r.legs) for r in sliced.recommendations)
    assert ordered or state == "shares"
