"""Replays of a few weeks: one checked by hand on a market made for it, others across the real splits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest

from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.feeds.sample import SampleMarket
from wheelhouse.ledger.account import fold
from wheelhouse.ledger.events import EventKind
from wheelhouse.market.calendar import TradingCalendar, new_york_date
from wheelhouse.market.events import Dividend, Split, Terms
from wheelhouse.market.frames import BAR_SCHEMA, QUOTE_SCHEMA
from wheelhouse.market.instruments import Evidence, OsiSymbol, parse_osi
from wheelhouse.replay.engine import replay
from wheelhouse.replay.plan import Replay, ReplayPlan
from wheelhouse.strategy.policy import WheelPolicy

PUT = "XYZ   100220P00047500"
CALL = "XYZ   100320C00047500"


@dataclass
class MadeMarket:
    """XYZ closes at 50 until 17 February 2010, at 45 from then on, at 55 from March on; a put and a call are listed."""

    calendar: TradingCalendar
    terms_: Terms = field(default_factory=Terms)
    evidence: Evidence = Evidence.SIMULATED
    quoted: bool = True
    calls: bool = False

    def symbols(self) -> tuple[str, ...]:
        return ("XYZ",)

    def price(self, day: date) -> float:
        split = [s for s in self.terms_.splits if s.ex_date <= day]
        whole = 50.0 if day < date(2010, 2, 18) else 45.0 if day < date(2010, 3, 1) else 55.0
        return whole / (2 if split else 1)

    def bars(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        if list(symbols) != ["XYZ"]:
            raise NotFound(str(symbols))
        rows = [
            ("XYZ", datetime(day.year, day.month, day.day, tzinfo=UTC), *[self.price(day)] * 4, 1e6, self.price(day))
            for day in self.calendar.sessions(start, end)
        ]
        return pl.DataFrame(rows, schema=BAR_SCHEMA, orient="row")

    def terms(self, symbol: str, at: datetime | None = None) -> Terms:
        return self.terms_

    def listed(self, symbol: str, at: datetime) -> list[OsiSymbol]:
        return [parse_osi(PUT), parse_osi(CALL)] if self.calls else [parse_osi(PUT)]

    def share_quotes(self, symbols: Sequence[str], at: datetime) -> pl.DataFrame:
        price = self.price(new_york_date(at))
        row = ("XYZ", at.astimezone(UTC), price - 0.01, price + 0.01, 100.0, 100.0, price, 1e6, None)
        return pl.DataFrame([row], schema=QUOTE_SCHEMA, orient="row")

    def quotes(self, symbols: Sequence[str], at: datetime) -> pl.DataFrame:
        price = self.price(new_york_date(at))
        sides = {
            PUT: (0.70, 0.72) if price == 50 else (2.50, 2.60),
            CALL: (7.50, 7.60) if price == 55 else (0.60, 0.62),
        }
        rows = [(symbol, at.astimezone(UTC), *sides[symbol], 100.0, 100.0, None, 50.0, 500.0) for symbol in symbols]
        return pl.DataFrame(rows if self.quoted else [], schema=QUOTE_SCHEMA, orient="row")


def plan(symbol: str, start: date, end: date, cash: int = 100_000, **policy: object) -> ReplayPlan:
    return ReplayPlan(
        symbols=(symbol,), start=start, end=end, cash=Decimal(cash), policy=WheelPolicy.from_mapping(policy)
    )


def on(played: Replay, day: date):
    return next(d for d in played.days if d.day == day)


def test_an_assignment_by_hand(calendar: TradingCalendar):
    dividend = Dividend(ex_date=date(2010, 2, 24), amount=Decimal("0.25"))
    made = MadeMarket(calendar, Terms(dividends=(dividend,)))
    played = replay(plan("XYZ", date(2010, 1, 19), date(2010, 2, 27), cash=10_000), made, calendar)
    # The account opens at the first close and sells the session after: 10,000 USD secure two puts of 4,750.
    assert played.equity[0] == Decimal("10000.00")
    sold = on(played, date(2010, 1, 20))
    assert sold.actions == ("sell_put XYZ",)
    # 2 x 0.70 x 100 less 2 x 0.65; marked at the mid of 0.71.
    assert sold.cash == Decimal("10138.70")
    assert sold.equity == Decimal("10138.70") - Decimal("142.00") == played.equity[1]
    assert sold.at_work == pytest.approx(9500 / 9996.70)
    # The last trading day is the Friday before the Saturday in the symbol: 2.50 in the money, worth just that.
    friday = on(played, date(2010, 2, 19))
    assert (friday.cash, friday.equity) == (Decimal("10138.70"), Decimal("9638.70"))
    # Assignment posts with the next open: 200 shares for 9,500.
    monday = on(played, date(2010, 2, 22))
    assert (monday.cash, monday.equity) == (Decimal("638.70"), Decimal("9638.70"))
    assert monday.explanation.events == {"assignment": Decimal("0.00")} or not monday.explanation.events
    shares = played.state.positions["XYZ"]
    assert (shares.quantity, shares.tax_basis) == (200, Decimal("46.8065"))
    # 200 x 0.25 on the ex-date.
    assert on(played, date(2010, 2, 24)).explanation.events == {"dividend": Decimal("50.00")}
    assert played.state.cash == Decimal("688.70")
    assert played.state.dividends == Decimal("50.00")
    assert played.equity[-1] == Decimal("9688.70")


def test_a_call_is_assigned_on_the_eve_of_the_ex_date_and_the_dividend_goes_with_the_shares(calendar: TradingCalendar):
    dividend = Dividend(ex_date=date(2010, 3, 3), amount=Decimal("1.00"))
    made = MadeMarket(calendar, Terms(dividends=(dividend,)), calls=True)
    played = replay(plan("XYZ", date(2010, 1, 19), date(2010, 3, 5), cash=10_000), made, calendar)
    assert on(played, date(2010, 2, 22)).actions == ("sell_call XYZ",)
    # Without extrinsic value at the bid the dividend of 1.00 is worth more than what is left of the option.
    eve = on(played, date(2010, 3, 2))
    assert (eve.cash, eve.equity) == (Decimal("757.40"), Decimal("757.40") + 11_000 - 1_510)
    assert [e.external_id for e in played.events if e.kind is EventKind.ASSIGNMENT][-1] == (
        f"assignment/early/2010-03-02/{CALL}"
    )
    assert played.state.cash == played.equity[-1] == Decimal("10257.40")
    assert played.state.dividends == 0
    # 138.70 of the put and 118.70 of the call; shares left at the strike that they came at.
    (cycle,) = played.state.closed_campaigns
    assert (cycle.premium, cycle.share_profit, cycle.profit) == (Decimal("257.40"), 0, Decimal("257.40"))


def test_a_split_and_a_dividend_of_one_open_meet_the_shares_that_were_held(calendar: TradingCalendar):
    day = date(2010, 2, 24)
    terms = Terms(
        dividends=(Dividend(ex_date=day, amount=Decimal("0.25")),), splits=(Split(ex_date=day, ratio=Fraction(2)),)
    )
    made = MadeMarket(calendar, terms)
    played = replay(plan("XYZ", date(2010, 1, 19), date(2010, 2, 27), cash=10_000), made, calendar)
    assert played.state.positions["XYZ"].quantity == 400
    assert played.state.dividends == Decimal("50.00")
    assert played.equity[-1] == Decimal("9688.70")
    assert set(on(played, day).explanation.events) == {"dividend"}


def test_interest_is_what_the_days_earn(calendar: TradingCalendar):
    made = MadeMarket(calendar, Terms(rate=0.0365))
    asked = ReplayPlan(
        symbols=("XYZ",),
        start=date(2010, 1, 14),
        end=date(2010, 1, 20),
        cash=Decimal(1000),
        cash_rate=None,
    )
    played = replay(asked, made, calendar)
    # One day to Friday, then four over the weekend and a holiday; too little cash for a put.
    assert [e.cash for e in played.events if e.kind is EventKind.INTEREST] == [Decimal("0.10"), Decimal("0.40")]
    assert played.interest == pytest.approx([0.0, 0.0001, 0.0004])


def test_a_held_option_without_a_quote_is_an_error(calendar: TradingCalendar):
    made = MadeMarket(calendar)
    seen = []

    def stop_quoting(day):
        seen.append(day)
        made.quoted = False

    with pytest.raises(InvalidInput, match="XYZ   100220P00047500 is held on 2010-01-21"):
        replay(plan("XYZ", date(2010, 1, 19), date(2010, 2, 27)), made, calendar, observe=stop_quoting)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("symbol", "start", "day"),
    [("AAPL", date(2005, 2, 1), date(2005, 2, 28)), ("MSFT", date(2003, 1, 21), date(2003, 2, 18))],
)
def test_a_split_is_crossed_with_an_open_position(
    sample: SampleMarket, calendar: TradingCalendar, symbol: str, start: date, day: date
):
    played = replay(plan(symbol, start, date.fromordinal(day.toordinal() + 4)), sample, calendar)
    moved = [e for e in played.events if e.kind is EventKind.SPLIT]
    left, entered = moved
    assert {e.ts for e in moved} == {calendar.open_at(day)}
    assert left.quantity > 0
    assert entered.quantity == -2 * left.quantity
    assert parse_osi(entered.symbol).strike == parse_osi(left.symbol).strike / 2
    # Neither cash nor value comes of it, and what the put brought stays its cost.
    explained = on(played, day).explanation
    assert explained.events.get("split", Decimal(0)) == 0
    assert abs(explained.market) < explained.before * Decimal("0.03")
    until = played.events[: entered.sequence]
    brought = sum(e.cash for e in until if e.symbol == left.symbol)
    assert -fold(until, played.contracts).positions[entered.symbol].cost == brought > 0
    assert fold(played.events, played.contracts) == played.state


def test_a_special_dividend_cuts_the_strike_and_leaves_the_put_alone(sample: SampleMarket, calendar: TradingCalendar):
    day = date(2004, 11, 15)
    played = replay(plan("MSFT", date(2004, 10, 20), date(2004, 11, 18), roll_profit=1.0), sample, calendar)
    left, entered = [e for e in played.events if e.kind is EventKind.ADJUSTMENT]
    assert parse_osi(entered.symbol).strike == parse_osi(left.symbol).strike - 3
    assert entered.quantity == -left.quantity == played.state.quantity(entered.symbol)
    # 3.00 a share would be 3,000 USD on 10 contracts; the day itself moved the share by 0.42 beside it.
    assert entered.quantity == -10
    assert 0 < on(played, day).explanation.market < 200
    assert not [e for e in played.events if e.kind is EventKind.DIVIDEND]


def test_the_same_plan_is_the_same_replay(sample: SampleMarket, calendar: TradingCalendar):
    asked = plan("IBM", date(2008, 9, 2), date(2008, 10, 15))
    first, second = (replay(asked, sample, calendar) for _ in range(2))
    assert first == second
    assert first.digest == second.digest
    other = replay(plan("IBM", date(2008, 9, 2), date(2008, 10, 15), put_max_delta=0.2), sample, calendar)
    assert other.digest != first.digest


def test_what_cannot_be_played_is_refused(sample: SampleMarket, calendar: TradingCalendar):
    with pytest.raises(InvalidInput, match="GOOG has no daily bar of 2004-08-02: bars reach from 2004-08-19"):
        replay(plan("GOOG", date(2004, 8, 2), date(2004, 9, 2)), sample, calendar)
    with pytest.raises(NotFound):
        replay(plan("TSLA", date(2004, 8, 2), date(2004, 9, 2)), sample, calendar)
    with pytest.raises(InvalidInput, match="1 sessions"):
        replay(plan("AAPL", date(2004, 8, 2), date(2004, 8, 3)), sample, calendar)
    with pytest.raises(InvalidInput, match="exclusive"):
        plan("AAPL", date(2004, 8, 2), date(2004, 8, 2))
    with pytest.raises(InvalidInput, match="above 0"):
        plan("AAPL", date(2004, 8, 2), date(2004, 8, 3), cash=0)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "MSFT"])
def test_thirteen_years_are_explained_to_the_cent(sample: SampleMarket, calendar: TradingCalendar, symbol: str):
    played = replay(plan(symbol, date(2000, 3, 1), date(2013, 3, 2)), sample, calendar)
    assert len(played.days) == 3269
    assert all(day.explanation.difference == 0 and day.cash >= 0 for day in played.days)
    assert fold(played.events, played.contracts) == played.state
    assert sum(e.cash for e in played.events) == played.state.cash
    splits = {e.external_id for e in played.events if e.kind is EventKind.SPLIT}
    expected = {"AAPL": ("2000-06-21", "2005-02-28"), "IBM": (), "MSFT": ("2003-02-18",)}[symbol]
    assert splits == {f"split/{symbol}/{day}" for day in expected}
    assert any(e.kind is EventKind.ASSIGNMENT for e in played.events)
