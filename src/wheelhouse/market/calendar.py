"""Sessions, half days, expiries and the time between now and them.

The sessions of the New York Stock Exchange come from exchange_calendars, read once per process into plain sorted arrays; every question
after that is a binary search. US equity and equity options keep the same sessions, with the close at 16:00, on half days at 13:00.
"""

import math
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from wheelhouse.errors import InvalidInput
from wheelhouse.market.instruments import SettlementTime

SessionState = Literal["open", "closed", "half_day"]

NEW_YORK: Final = ZoneInfo("America/New_York")
FIRST_DAY: Final = date(1990, 1, 1)

_FINAL_STRETCH: Final = timedelta(minutes=15)
_FULL_SESSION: Final = timedelta(hours=6, minutes=30)
_MINUTES_PER_YEAR: Final = 365 * 24 * 60
_FRIDAY: Final = 4
# OCC moved the expiry of monthlies from Saturday to Friday on 1 February 2015.
_LAST_SATURDAY_MONTH: Final = (2015, 1)
_WEEKLIES: Final = 6
_SERIAL_MONTHS: Final = 2
_QUARTERLIES: Final = 2
_LEAPS_HORIZON_DAYS: Final = 850


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingCalendar:
    """The sessions of an exchange, with every question of time that options ask.

    All instants are timezone-aware and answered in UTC; dates are those of New York.

    Attributes
    ----------
    days
        The sessions, ascending.
    opens, closes
        The instants at which each opens and closes, UTC.
    first, last
        The dates that the calendar covers; a question outside raises `InvalidInput`.
    """

    days: tuple[date, ...]
    opens: tuple[datetime, ...]
    closes: tuple[datetime, ...]
    first: date
    last: date
    _elapsed: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        total, elapsed = 0.0, [0.0]
        for opens, closes in zip(self.opens, self.closes, strict=True):
            total += (closes - opens).total_seconds()
            elapsed.append(total)
        object.__setattr__(self, "_elapsed", tuple(elapsed))

    def is_session(self, day: date) -> bool:
        """Tell whether the exchange opens on this date."""
        i = bisect_left(self.days, self._covered(day))
        return i < len(self.days) and self.days[i] == day

    def open_at(self, day: date) -> datetime:
        """Give the open of a session; raises `InvalidInput` if the date is none."""
        return self.opens[self._index(day)]

    def close_at(self, day: date) -> datetime:
        """Give the close of a session; raises `InvalidInput` if the date is none."""
        return self.closes[self._index(day)]

    def is_half_day(self, day: date) -> bool:
        """Tell whether the date is a session that closes early."""
        if not self.is_session(day):
            return False
        i = self._index(day)
        return self.closes[i] - self.opens[i] < _FULL_SESSION

    def previous_session(self, day: date) -> date:
        """Give the last session before this date."""
        return self._at(bisect_left(self.days, self._covered(day)) - 1, day)

    def next_session(self, day: date) -> date:
        """Give the first session after this date."""
        return self._at(bisect_right(self.days, self._covered(day)), day)

    def sessions(self, start: date, end: date) -> list[date]:
        """List the sessions from start (inclusive) to end (exclusive)."""
        return list(
            self.days[bisect_left(self.days, self._covered(start)) : bisect_left(self.days, self._covered(end))]
        )

    def session_state(self, now: datetime) -> SessionState:
        """Tell whether the exchange is open now, and if so whether on a half day."""
        i = bisect_right(self.opens, _utc(now)) - 1
        if i < 0 or _utc(now) >= self.closes[i]:
            return "closed"
        return "half_day" if self.closes[i] - self.opens[i] < _FULL_SESSION else "open"

    def session_of(self, now: datetime) -> date:
        """Give the session that is open now or was the last to open."""
        return self._at(bisect_right(self.opens, _utc(now)) - 1, new_york_date(now))

    def last_trading_day(self, expiry: date, settlement_time: SettlementTime = SettlementTime.PM) -> date:
        """Give the last session on which a contract of this expiry trades.

        It is the last session on or before the expiry, hence the Friday for a Saturday monthly; for AM settlement the one before that.
        """
        session = self._on_or_before(expiry)
        return session if settlement_time is SettlementTime.PM else self.previous_session(session)

    def expiry_instant(self, expiry: date, settlement_time: SettlementTime = SettlementTime.PM) -> datetime:
        """Give the instant at which a contract is worth its payoff: the close of its last session, or for AM the open of the expiry."""
        session = self._on_or_before(expiry)
        return self.close_at(session) if settlement_time is SettlementTime.PM else self.open_at(session)

    def years_to_expiry(
        self, expiry: date, now: datetime, settlement_time: SettlementTime = SettlementTime.PM
    ) -> float:
        """Give the time to expiry, Act/365 to the minute (a minute begun counts); zero or below once expired."""
        left = self.expiry_instant(expiry, settlement_time) - _utc(now)
        return math.ceil(left.total_seconds() / 60) / _MINUTES_PER_YEAR

    def days_to_expiry(self, expiry: date, now: datetime) -> int:
        """Count the New York dates from now to the expiry."""
        return (expiry - new_york_date(now)).days

    def session_age_seconds(self, ts: datetime, now: datetime) -> float:
        """Give the session time that elapsed from ts to now; zero if ts is not before now."""
        return max(0.0, self._session_clock(now) - self._session_clock(ts))

    def is_fresh(self, ts: datetime, now: datetime, stale_after_seconds: float) -> bool:
        """Tell whether a datum of ts is fresh now.

        In a session its age in session time must not exceed the limit; outside, it must be from the final 15 minutes of the last
        session or later.
        """
        if self.session_state(now) != "closed":
            return self.session_age_seconds(ts, now) <= stale_after_seconds
        return _utc(ts) >= self.close_at(self.session_of(now)) - _FINAL_STRETCH

    def monthly_expiry(self, year: int, month: int) -> tuple[date, date]:
        """Give the expiry (the symbol's date) and last trading day of a month's standard contracts."""
        third_friday = _third_friday(year, month)
        last = self._on_or_before(third_friday)
        saturday = (year, month) <= _LAST_SATURDAY_MONTH
        return (third_friday + timedelta(days=1) if saturday else last), last

    def listed_expiries(self, day: date) -> list[date]:
        """List the expiries that a single name with weeklies has on a day, ascending; those of the day itself included.

        Six Fridays, two serial months, two months of the March quarterly cycle and the Januaries of 28 months. This is the schedule since the
        weeklies became general in 2012; it is applied to any day.
        """
        friday = day + timedelta(days=(_FRIDAY - day.weekday()) % 7)
        expiries = {self._friday_expiry(friday + timedelta(weeks=week)) for week in range(_WEEKLIES)}
        months = [_month_after(day.year, day.month, ahead) for ahead in range(30)]
        standard = [(pair, self.monthly_expiry(*pair)) for pair in months]
        live = [(pair, expiry) for pair, (expiry, last) in standard if last >= day]
        expiries.update(expiry for _, expiry in live[:_SERIAL_MONTHS])
        quarterly = [expiry for (_, month), expiry in live[_SERIAL_MONTHS:] if month % 3 == 0]
        expiries.update(quarterly[:_QUARTERLIES])
        expiries.update(e for (_, month), e in live if month == 1 and (e - day).days <= _LEAPS_HORIZON_DAYS)
        return sorted(expiry for expiry in expiries if self._on_or_before(expiry) >= day)

    def _friday_expiry(self, friday: date) -> date:
        if friday == _third_friday(friday.year, friday.month):
            return self.monthly_expiry(friday.year, friday.month)[0]
        return self._on_or_before(friday)

    def _session_clock(self, now: datetime) -> float:
        """Seconds of session time from the calendar's beginning to now."""
        instant = _utc(now)
        i = bisect_right(self.opens, instant) - 1
        if i < 0:
            return 0.0
        return self._elapsed[i] + (min(instant, self.closes[i]) - self.opens[i]).total_seconds()

    def _on_or_before(self, day: date) -> date:
        return self._at(bisect_right(self.days, self._covered(day)) - 1, day)

    def _index(self, day: date) -> int:
        if not self.is_session(day):
            raise InvalidInput(f"{day} is not a session: the exchange is closed that day")
        return bisect_left(self.days, day)

    def _at(self, index: int, day: date) -> date:
        if not 0 <= index < len(self.days):
            raise InvalidInput(f"no session of the calendar ({self.first} to {self.last}) answers for {day}")
        return self.days[index]

    def _covered(self, day: date) -> date:
        if not self.first <= day <= self.last:
            raise InvalidInput(f"{day} lies outside the calendar, which covers {self.first} to {self.last}")
        return day


@lru_cache(maxsize=2)
def nyse(end_year: int) -> TradingCalendar:
    """Load the sessions of the New York Stock Exchange from 1990 to the end of a year.

    The first call of a process imports exchange_calendars and pandas, which takes seconds; pass ten years past the clock's and keep to it.
    """
    from exchange_calendars import get_calendar

    with warnings.catch_warnings():
        # exchange_calendars 4.13 reads Series.values, which pandas 3.1 deprecates; to go with the release that does not.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Without start and end it covers 20 years back and one ahead of today.
        schedule = get_calendar("XNYS", start=FIRST_DAY.isoformat(), end=f"{end_year}-12-31").schedule
        opens, closes = (_plain(schedule[name]) for name in ("open", "close"))
    days = tuple(stamp.date() for stamp in schedule.index)
    return TradingCalendar(days=days, opens=opens, closes=closes, first=FIRST_DAY, last=date(end_year, 12, 31))


def new_york_date(now: datetime) -> date:
    """Give the date in New York at an instant."""
    return _utc(now).astimezone(NEW_YORK).date()


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise InvalidInput(f"{instant.isoformat()} has no time zone; pass an aware datetime")
    return instant.astimezone(UTC)


def _plain(column: Sequence[datetime]) -> tuple[datetime, ...]:
    return tuple(datetime.fromtimestamp(stamp.timestamp(), UTC) for stamp in column)


def _third_friday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(_FRIDAY - first.weekday()) % 7 + 14)


def _month_after(year: int, month: int, ahead: int) -> tuple[int, int]:
    extra, index = divmod(month - 1 + ahead, 12)
    return year + extra, index + 1
