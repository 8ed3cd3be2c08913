from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from wheelhouse.market.events import Dividend, Earnings, EarningsSession, Terms
from wheelhouse.strategy.calendar_events import dividends_through, earnings_through, next_dividend, next_earnings

TODAY = date(2024, 3, 4)
MORNING = datetime(2024, 3, 4, 13, 0, tzinfo=UTC)  # 8:00 in New York
MIDDAY = datetime(2024, 3, 4, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("session", "now", "ahead"),
    [
        ("bmo", MORNING, True),
        ("bmo", MIDDAY, False),
        ("amc", MIDDAY, True),
        ("unknown", MIDDAY, True),
    ],
)
def test_a_report_of_today_is_ahead_until_it_must_be_out(session: EarningsSession, now: datetime, ahead: bool) -> None:
    terms = Terms(earnings=(Earnings(date=TODAY, session=session),))
    assert (next_earnings(terms, now) is not None) == ahead


def test_the_next_report_is_the_soonest_and_past_ones_do_not_count() -> None:
    later, soon = Earnings(date=date(2024, 7, 25)), Earnings(date=date(2024, 4, 25))
    terms = Terms(earnings=(later, soon, Earnings(date=date(2024, 1, 25))))
    assert next_earnings(terms, MIDDAY) == soon
    assert next_earnings(Terms(earnings=(Earnings(date=date(2024, 1, 25)),)), MIDDAY) is None


def test_a_report_on_the_last_trading_day_counts_and_one_after_it_does_not() -> None:
    terms = Terms(earnings=(Earnings(date=date(2024, 4, 19), session="amc"),))
    assert earnings_through(terms, date(2024, 4, 19), MIDDAY) is not None
    assert earnings_through(terms, date(2024, 4, 18), MIDDAY) is None
    assert earnings_through(Terms(), date(2024, 4, 19), MIDDAY) is None


def test_the_date_is_that_of_new_york() -> None:
    late = datetime(2024, 3, 5, 3, 0, tzinfo=UTC)  # still the 4th in New York
    terms = Terms(dividends=(Dividend(ex_date=date(2024, 3, 5), amount=Decimal(1)),))
    assert next_dividend(terms, late) is not None


def test_dividends_count_from_tomorrow_to_the_expiry_inclusive() -> None:
    days = [date(2024, 3, 4), date(2024, 3, 5), date(2024, 3, 15), date(2024, 3, 16)]
    listed = tuple(Dividend(ex_date=day, amount=Decimal(1)) for day in reversed(days))
    special = Dividend(ex_date=date(2024, 3, 6), amount=Decimal(5), kind="special")
    due = dividends_through(Terms(dividends=(*listed, special)), date(2024, 3, 15), MIDDAY)
    assert [d.ex_date for d in due] == days[1:3]
