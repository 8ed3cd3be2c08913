from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.market.calendar import NEW_YORK, TradingCalendar, nyse
from wheelhouse.market.instruments import SettlementTime, usual_last_trading_day

# The bounds of st.datetimes are naive, its zone is added.
moments = st.datetimes(datetime(1991, 1, 1), datetime(2034, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.fixture(scope="module")
def calendar() -> TradingCalendar:
    return nyse(2036)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("last", "expiry"),
    [
        ("2000-04-20", "2000-04-22"),
        ("2003-04-17", "2003-04-19"),
        ("2008-03-20", "2008-03-22"),
        ("2014-04-17", "2014-04-19"),
        ("2015-01-16", "2015-01-17"),
        ("2015-02-20", "2015-02-20"),
        ("2019-04-18", "2019-04-18"),
        ("2022-04-14", "2022-04-14"),
        ("2025-04-17", "2025-04-17"),
        ("2026-06-18", "2026-06-18"),
        ("2027-06-17", "2027-06-17"),
    ],
)
def test_monthly_expiries(calendar: TradingCalendar, last: str, expiry: str):
    day = date.fromisoformat(last)
    assert calendar.monthly_expiry(day.year, day.month) == (date.fromisoformat(expiry), day)
    assert calendar.last_trading_day(date.fromisoformat(expiry)) == day
    assert usual_last_trading_day(date.fromisoformat(expiry)) == day


def test_special_days(calendar: TradingCalendar):
    assert not calendar.is_half_day(date(2024, 12, 31))
    assert calendar.close_at(date(2012, 12, 31)) == at("2012-12-31T16:00")
    assert calendar.is_half_day(date(2024, 11, 29))
    assert calendar.close_at(date(2024, 11, 29)) == at("2024-11-29T13:00")
    assert calendar.is_half_day(date(2024, 12, 24))
    assert calendar.is_session(date(2021, 12, 31))
    assert not calendar.is_session(date(2025, 1, 9))
    assert not calendar.is_session(date(2012, 10, 29))


def test_neighbours_and_ranges(calendar: TradingCalendar):
    assert calendar.next_session(date(2013, 3, 1)) == date(2013, 3, 4)
    assert calendar.previous_session(date(2013, 3, 4)) == date(2013, 3, 1)
    assert calendar.sessions(date(2013, 3, 1), date(2013, 3, 5)) == [date(2013, 3, 1), date(2013, 3, 4)]


@pytest.mark.parametrize(
    ("moment", "state", "session"),
    [
        ("2013-03-01T09:29:59", "closed", "2013-02-28"),
        ("2013-03-01T09:30", "open", "2013-03-01"),
        ("2013-03-01T16:00", "closed", "2013-03-01"),
        ("2013-03-03T12:00", "closed", "2013-03-01"),
        ("2012-11-23T12:59", "half_day", "2012-11-23"),
        ("2012-11-23T13:00", "closed", "2012-11-23"),
    ],
)
def test_session_state(calendar: TradingCalendar, moment: str, state: str, session: str):
    assert calendar.session_state(at(moment)) == state
    assert calendar.session_of(at(moment)) == date.fromisoformat(session)


def test_time_to_expiry_runs_to_the_close_of_the_last_session(calendar: TradingCalendar):
    saturday = date(2013, 3, 16)
    assert calendar.expiry_instant(saturday) == at("2013-03-15T16:00")
    assert calendar.expiry_instant(saturday, SettlementTime.AM) == at("2013-03-15T09:30")
    assert calendar.last_trading_day(saturday, SettlementTime.AM) == date(2013, 3, 14)
    # One night of the fortnight lost an hour to daylight saving: real time counts.
    assert calendar.years_to_expiry(saturday, at("2013-03-01T15:45")) * 365 * 1440 == pytest.approx(14 * 1440 + 15 - 60)
    assert calendar.expiry_instant(date(2012, 11, 23)) == at("2012-11-23T13:00")
    assert calendar.years_to_expiry(saturday, at("2013-03-15T15:59:30")) * 365 * 1440 == pytest.approx(1)
    assert calendar.years_to_expiry(saturday, at("2013-03-15T16:00")) == 0
    assert calendar.days_to_expiry(saturday, at("2013-03-01T23:30")) == 15


def test_session_age(calendar: TradingCalendar):
    assert calendar.session_age_seconds(at("2013-03-01T15:58"), at("2013-03-04T09:32")) == 240
    assert calendar.session_age_seconds(at("2013-03-01T16:00"), at("2013-03-04T09:30")) == 0
    assert calendar.session_age_seconds(at("2013-03-04T10:00"), at("2013-03-04T09:32")) == 0


@pytest.mark.parametrize(
    ("ts", "now", "fresh"),
    [
        ("2013-03-01T15:40", "2013-03-01T15:45", True),
        ("2013-03-01T15:39:59", "2013-03-01T15:45", False),
        ("2013-03-01T15:45", "2013-03-02T12:00", True),
        ("2013-03-01T15:44:59", "2013-03-02T12:00", False),
        ("2013-03-01T16:10", "2013-03-02T12:00", True),
        ("2013-03-01T15:58", "2013-03-04T09:32", True),
        ("2012-11-23T12:45", "2012-11-24T12:00", True),
    ],
)
def test_freshness(calendar: TradingCalendar, ts: str, now: str, fresh: bool):
    assert calendar.is_fresh(at(ts), at(now), 300) is fresh


@given(st.tuples(moments, moments, moments).map(sorted))
@settings(max_examples=100)
def test_session_time_adds_up(three: list[datetime]):
    first, middle, last = three
    calendar = nyse(2036)
    whole = calendar.session_age_seconds(first, last)
    assert whole == pytest.approx(
        calendar.session_age_seconds(first, middle) + calendar.session_age_seconds(middle, last)
    )
    assert 0 <= whole <= (last - first).total_seconds() + 1e-6


@given(st.dates(date(1996, 1, 1), date(2030, 12, 31)))
@settings(max_examples=100)
def test_listed_expiries_are_tradable_and_never_far_apart(day: date):
    calendar = nyse(2036)
    listed = calendar.listed_expiries(day)
    assert 8 <= len(listed) <= 14
    assert listed == sorted(set(listed))
    lasts = [calendar.last_trading_day(expiry) for expiry in listed]
    assert len(set(lasts)) == len(lasts)
    assert all(last >= day for last in lasts)
    assert any(30 <= (expiry - day).days <= 45 for expiry in listed)


def test_listed_expiries_of_a_day(calendar: TradingCalendar):
    assert [str(day) for day in calendar.listed_expiries(date(2013, 3, 1))] == [
        "2013-03-01",
        "2013-03-08",
        "2013-03-16",
        "2013-03-22",
        "2013-03-28",
        "2013-04-05",
        "2013-04-20",
        "2013-06-22",
        "2013-09-21",
        "2014-01-18",
        "2015-01-17",
    ]


def test_questions_outside_the_calendar_or_without_a_zone_are_refused(calendar: TradingCalendar):
    with pytest.raises(InvalidInput, match="covers 1990-01-01 to 2036-12-31"):
        calendar.last_trading_day(date(2099, 1, 1))
    with pytest.raises(InvalidInput, match="not a session"):
        calendar.open_at(date(2013, 3, 2))
    with pytest.raises(InvalidInput, match="no time zone"):
        calendar.session_state(datetime(2013, 3, 1))  # noqa: DTZ001
    with pytest.raises(InvalidInput):
        calendar.previous_session(date(1990, 1, 1))


def test_the_calendar_is_built_once():
    assert nyse(2036) is nyse(2036)
    assert nyse(2036).expiry_instant(date(2013, 3, 16)).utcoffset() == timedelta(0)
